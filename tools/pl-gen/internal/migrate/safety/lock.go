package safety

import (
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

const (
	indexCause = "each file is one transaction, in which PostgreSQL cannot build an index CONCURRENTLY: " +
		"inserts, updates and deletes of the table wait until the index is built and the file is committed"
	indexFix = "on a table that is small say so above the statement: -- pl:allow MIGRATION_LOCK how many rows it has; on a large one write " +
		"CREATE INDEX IF NOT EXISTS, let operators build it with CONCURRENTLY before they migrate, and allow it with that reason"

	rewriteCause = "PostgreSQL holds an ACCESS EXCLUSIVE lock until the file is committed: everybody else, also readers, waits"

	uniqueCause = "rows that exist may break it, and then the migration fails and with it the roll-out"
	uniqueFix   = "look for duplicates with SELECT ... GROUP BY ... HAVING count(*) > 1 in production and remove them first; " +
		"then say so above the statement: -- pl:allow MIGRATION_UNIQUE what makes them impossible"
)

// wait is about what keeps others waiting in PostgreSQL. SQLite has one writer
// at any time.
func (j *judge) wait(a *ddl.Action) []finding {
	if !j.postgres {
		return nil
	}
	switch a.Verb {
	case ddl.AddColumn:
		if a.Column.Volatile {
			return one(diag.MigrationLock, "the default of column "+a.Table+"."+a.Column.Name+" is computed for each row, so the table is rewritten",
				rewriteCause, "add the column without the default, set the default in a second statement, and fill old rows in small transactions")
		}
	case ddl.Update:
		return one(diag.MigrationLock, "rows of "+a.Table+" are updated in the migration's transaction",
			"every row that it touches stays locked until the file is committed, writers of these rows wait, and dead rows pile up meanwhile",
			"fill rows in small transactions outside of migrations; for a table that is small say so above the statement: -- pl:allow MIGRATION_LOCK how many rows it has")
	case ddl.Rewrite:
		return one(diag.MigrationLock, a.What+" locks "+a.Table, rewriteCause, "leave it to operators, at a time that they choose")
	}
	return nil
}

// constraint judges indexes and constraints.
func (j *judge) constraint(a *ddl.Action) []finding {
	if a.Index.Concurrently {
		return one(diag.MigrationTransaction, a.What+" CONCURRENTLY does not fit into a migration",
			"each file is one transaction, and PostgreSQL refuses CONCURRENTLY in one",
			"build the index by hand before the migration, and write CREATE INDEX IF NOT EXISTS here, as docs/runbooks/migrations.md says")
	}
	t := j.tables[a.Table]
	if j.born[a.Table] || t == nil {
		return nil
	}
	var found []finding
	if _, kept := t.Indexes[keptIndex+a.Index.Name]; a.Index.Unique && !kept {
		found = append(found, one(diag.MigrationUnique, a.What+" on "+a.Table+", which has rows", uniqueCause, uniqueFix)...)
	}
	switch {
	case !j.postgres:
	case a.Verb == ddl.CreateIndex:
		found = append(found, one(diag.MigrationLock, a.What+" on "+a.Table+" keeps everybody from writing to it", indexCause, indexFix)...)
	case a.Index.Unique:
		found = append(found, one(diag.MigrationLock, a.What+" on "+a.Table+" builds an index under its lock", rewriteCause,
			"build a unique index as for MIGRATION_LOCK, and add the constraint with USING INDEX")...)
	case a.Scans:
		found = append(found, one(diag.MigrationLock, a.What+" on "+a.Table+" checks all rows under its lock", rewriteCause,
			"add it NOT VALID, and VALIDATE CONSTRAINT in the next migration, which lets others work")...)
	}
	return found
}
