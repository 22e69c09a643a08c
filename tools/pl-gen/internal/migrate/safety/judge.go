package safety

import (
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

// A judge looks at the statements of one file, in order.
type judge struct {
	postgres bool
	file     *ddl.File
	tables   ddl.Tables
	// born are the tables that this file creates: they have no rows, and
	// nobody uses them.
	born   map[string]bool
	unsure bool
}

// statement judges one statement and replays it.
func (j *judge) statement(i int) []finding {
	s := &j.file.Statements[i]
	var found []finding
	for k := range s.Actions {
		a := &s.Actions[k]
		for _, f := range j.action(i, a) {
			f.at = a.At
			found = append(found, f)
		}
		if fits := j.apply(a); !fits && a.Verb != ddl.Opaque {
			f := one(diag.MigrationOpaque, a.What+" is about a table or column that no migration before has made",
				"it fails; or the table is made by something that pl-gen does not understand, and then nobody knows what else it does",
				"correct the name, or allow it and say where the table comes from")[0]
			f.at = a.At
			found = append(found, f)
		}
	}
	return found
}

// apply replays the action, and reports whether it fits the tables.
func (j *judge) apply(a *ddl.Action) bool {
	switch a.Verb {
	case ddl.CreateTable:
		j.born[a.Table] = j.born[a.Table] || j.tables[a.Table] == nil
	case ddl.RenameTable:
		if t := j.tables[a.Table]; t != nil && t.CopyOf == a.To { // rebuilt: it has the old rows
			t.CopyOf = ""
			delete(j.born, a.To)
		} else if j.born[a.Table] {
			j.born[a.To] = true
		}
		delete(j.born, a.Table)
	}
	fits := j.tables.Apply(a)
	j.unsure = j.unsure || !fits
	return fits
}

// action returns what is to be said about one action.
func (j *judge) action(i int, a *ddl.Action) []finding {
	switch a.Verb {
	case ddl.Opaque:
		return one(diag.MigrationOpaque, a.What+" is not understood",
			"pl-gen cannot say what it does to rows, to locks and to the tables that later migrations start from",
			"write it with statements that pl-gen knows, or allow it and say what it does")
	case ddl.Session:
		return one(diag.MigrationTransaction, a.What+" does not fit into a migration",
			"each file is one transaction, together with the record that it ran: this statement is refused in it, ends it, or outlives it on a connection that others use",
			"leave it out; what has to happen outside of a transaction is run by hand before the migration, as docs/runbooks/migrations.md says")
	case ddl.CreateIndex, ddl.AddConstraint:
		return j.constraint(a)
	}
	if a.Table != "" && j.born[a.Table] {
		return nil
	}
	if found := j.loss(i, a); found != nil {
		return found
	}
	return j.wait(a)
}

// loss is about what rows, or programs that run, do not survive.
func (j *judge) loss(i int, a *ddl.Action) []finding {
	place := a.Table + "." + a.Column.Name
	switch a.Verb {
	case ddl.DropTable:
		return j.dropTable(i, a)
	case ddl.DropColumn:
		return one(diag.MigrationDrop, "column "+place+" is dropped", dropCause, dropFix)
	case ddl.Truncate:
		return one(diag.MigrationDrop, "all rows of "+a.Table+" are deleted", dropCause, dropFix)
	case ddl.Delete:
		return one(diag.MigrationDrop, "rows of "+a.Table+" are deleted", dropCause, dropFix)
	case ddl.RenameTable:
		return one(diag.MigrationRename, fmt.Sprintf("table %s becomes %s", a.Table, a.To), renameCause, renameFix)
	case ddl.RenameColumn:
		return one(diag.MigrationRename, fmt.Sprintf("column %s becomes %s", place, a.To), renameCause, renameFix)
	case ddl.AddColumn:
		if a.Column.NotNull && !a.Column.Default {
			return one(diag.MigrationRequired, "column "+place+" is required and has no default", requiredCause, requiredFix)
		}
	case ddl.SetNotNull:
		return one(diag.MigrationRequired, "column "+place+" becomes required", requiredCause+lockedScan(j.postgres), requiredFix)
	case ddl.SetType:
		return j.newType(a)
	}
	return nil
}

const (
	dropCause   = "the values are gone, and the version of the program that still runs beside the new one, or comes back in a rollback, reads them"
	dropFix     = "let one release stop using them first; then take a backup and say so above the statement: -- pl:allow MIGRATION_DROP since which version nobody uses them"
	renameCause = "the version of the program that runs beside the new one uses the old name, and fails from that moment on"
	renameFix   = "add the new one, write both, copy, read the new one, and drop the old one in a later release"

	requiredCause = "rows that exist may have no value, and then the migration fails; the version that runs beside the new one inserts rows without it"
	requiredFix   = "give it a default; or add it as nullable, fill it, and make it required in a later migration once every program sets it"
)

func lockedScan(postgres bool) string {
	if postgres {
		return "; PostgreSQL reads all rows under an ACCESS EXCLUSIVE lock"
	}
	return ""
}

func one(rule diag.Rule, message, cause, fix string) []finding {
	return []finding{{rule: rule, message: message, cause: cause, fix: fix}}
}

// dropTable judges DROP TABLE. SQLite cannot alter most of a table: it is
// copied to a new one that takes its name.
func (j *judge) dropTable(i int, a *ddl.Action) []finding {
	if a.Table == "" {
		return one(diag.MigrationDrop, a.What+" drops what a context has", dropCause, dropFix)
	}
	for name, t := range j.tables {
		if t.CopyOf == a.Table && j.takesOver(i, name, a.Table) {
			return j.rebuilt(a.Table, j.tables[a.Table], t)
		}
	}
	return one(diag.MigrationDrop, "table "+a.Table+" is dropped", dropCause, dropFix)
}

// takesOver reports whether a later statement gives the table the name.
func (j *judge) takesOver(i int, table, name string) bool {
	for _, s := range j.file.Statements[i+1:] {
		for _, a := range s.Actions {
			if a.Verb == ddl.RenameTable && a.Table == table && a.To == name {
				return true
			}
		}
	}
	return false
}

// rebuilt compares a table with the copy that takes its place.
func (j *judge) rebuilt(name string, old, copied *ddl.Table) []finding {
	if old == nil {
		return nil
	}
	var found []finding
	for _, c := range old.Columns {
		now, ok := copied.Column(c.Name)
		if !ok {
			found = append(found, one(diag.MigrationDrop, "column "+name+"."+c.Name+" is not copied", dropCause, dropFix)...)
			continue
		}
		if now.NotNull && !c.NotNull && !now.Default {
			found = append(found, one(diag.MigrationRequired, "column "+name+"."+c.Name+" becomes required", requiredCause, requiredFix)...)
		}
		found = append(found, j.typeChange(name+"."+c.Name, c.Type, now.Type)...)
	}
	for _, c := range copied.Columns {
		if _, ok := old.Column(c.Name); !ok && c.NotNull && !c.Default {
			found = append(found, one(diag.MigrationRequired, "column "+name+"."+c.Name+" is required and has no default", requiredCause, requiredFix)...)
		}
	}
	for index, i := range old.Indexes { // they go with the old table, and are made again
		if i.Unique {
			copied.Indexes[keptIndex+index] = i
		}
	}
	return found
}

// keptIndex marks the name of an index that a rebuilt table had before.
const keptIndex = "before "
