package safety

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// TestOwnMigrations wants the platform's own contexts to be in order.
func TestOwnMigrations(t *testing.T) {
	root := os.DirFS("../../../../..")
	found, err := Check(root, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		t.Error(d)
	}
}

const first = `CREATE TABLE "loans" ("id" text NOT NULL, "title" text NOT NULL DEFAULT '', "pages" integer NULL, "code" varchar(10) NULL,
  PRIMARY KEY ("id"));
CREATE INDEX "loans_title_idx" ON "loans" ("title");
`

// TestStatements judges one statement after a table with rows is there.
func TestStatements(t *testing.T) {
	for _, test := range []struct {
		sql string
		// sqlite and postgres are the rules that are broken, without the prefix
		// MIGRATION_.
		sqlite, postgres string
	}{
		{"DROP TABLE loans", "DROP", "DROP"},
		{"DROP TABLE IF EXISTS public.\"loans\" CASCADE", "DROP", "DROP"},
		{"DROP SCHEMA public CASCADE", "DROP", "DROP"},
		{"ALTER TABLE loans DROP COLUMN title, DROP COLUMN IF EXISTS pages", "DROP DROP", "DROP DROP"},
		{"ALTER TABLE loans DROP title", "DROP", "DROP"},
		{"TRUNCATE TABLE loans", "DROP", "DROP"},
		{"DELETE FROM loans WHERE pages = 0", "DROP", "DROP"},
		{"ALTER TABLE loans RENAME TO lendings", "RENAME", "RENAME"},
		{"ALTER TABLE loans RENAME COLUMN title TO name", "RENAME", "RENAME"},
		{"ALTER TABLE loans RENAME title TO name", "RENAME", "RENAME"},
		{"ALTER TABLE loans ADD COLUMN due timestamptz NOT NULL", "REQUIRED", "REQUIRED"},
		{"ALTER TABLE loans ADD COLUMN due timestamptz NULL", "", ""},
		{"ALTER TABLE loans ADD COLUMN stars integer NOT NULL DEFAULT 0, ADD COLUMN color text", "", ""},
		{"ALTER TABLE loans ADD at timestamptz NOT NULL DEFAULT now()", "", ""},
		{"ALTER TABLE loans ADD COLUMN ref uuid NOT NULL DEFAULT gen_random_uuid()", "", "LOCK"},
		{"ALTER TABLE loans ADD COLUMN n bigserial", "", "LOCK"},
		{"ALTER TABLE loans ADD COLUMN n text UNIQUE", "UNIQUE", "UNIQUE LOCK"},
		{"ALTER TABLE loans ALTER COLUMN pages SET NOT NULL", "REQUIRED", "REQUIRED"},
		{"ALTER TABLE loans ALTER COLUMN pages DROP NOT NULL", "", ""},
		{"ALTER TABLE loans ALTER pages TYPE bigint", "", "LOCK"},
		{"ALTER TABLE loans ALTER COLUMN pages TYPE smallint USING pages::smallint", "TYPE", "TYPE"},
		{"ALTER TABLE loans ALTER COLUMN pages SET DATA TYPE text", "TYPE", "TYPE"},
		{"ALTER TABLE loans ALTER COLUMN code TYPE varchar(20)", "", ""},
		{"ALTER TABLE loans ALTER COLUMN code TYPE varchar(5)", "", "TYPE"},
		{"ALTER TABLE loans ALTER COLUMN code TYPE text", "", ""},
		{"CREATE INDEX loans_pages_idx ON loans (pages)", "", "LOCK"},
		{"CREATE UNIQUE INDEX loans_title_key ON loans (lower(title))", "UNIQUE", "UNIQUE LOCK"},
		{"CREATE INDEX CONCURRENTLY IF NOT EXISTS loans_pages_idx ON loans (pages)", "TRANSACTION", "TRANSACTION"},
		{"DROP INDEX loans_title_idx", "", ""},
		{"DROP INDEX CONCURRENTLY loans_title_idx", "TRANSACTION", "TRANSACTION"},
		{"ALTER TABLE loans ADD CONSTRAINT c CHECK (pages > 0)", "", "LOCK"},
		{"ALTER TABLE loans ADD CONSTRAINT c CHECK (pages > 0) NOT VALID", "", ""},
		{"ALTER TABLE loans VALIDATE CONSTRAINT c", "", ""},
		{"ALTER TABLE loans ADD CONSTRAINT f FOREIGN KEY (code) REFERENCES codes (id)", "", "LOCK"},
		{"ALTER TABLE loans ADD UNIQUE (title)", "UNIQUE", "UNIQUE LOCK"},
		{"ALTER TABLE loans ADD CONSTRAINT u UNIQUE USING INDEX loans_title_idx", "", ""},
		{"UPDATE loans SET pages = 1", "", "LOCK"},
		{"INSERT INTO loans (id) VALUES ('a;b')", "", ""},
		{"LOCK TABLE loans", "", "LOCK"},
		{"VACUUM loans", "TRANSACTION", "TRANSACTION"},
		{"SET search_path TO other", "TRANSACTION", "TRANSACTION"},
		{"SET LOCAL statement_timeout = '1h'", "", ""},
		{"PRAGMA foreign_keys = off", "TRANSACTION", "TRANSACTION"},
		{"BEGIN", "TRANSACTION", "TRANSACTION"},
		{"DO $$ BEGIN DELETE FROM loans; END $$", "OPAQUE", "OPAQUE"},
		{"ALTER TABLE lons ADD COLUMN more text", "OPAQUE", "OPAQUE"},
		{"ALTER TABLE loans DROP COLUMN titel", "DROP OPAQUE", "DROP OPAQUE"},
		{"CREATE TABLE more AS SELECT * FROM loans", "OPAQUE", "OPAQUE"},
		{"CREATE TABLE more (LIKE loans INCLUDING ALL)", "OPAQUE", "OPAQUE"},
		{"CREATE TABLE more (id text PRIMARY KEY, n numeric(10, 2) NOT NULL CHECK (n > 0))", "", ""},
		{"COMMENT ON TABLE loans IS 'DROP TABLE loans; -- no'", "", ""},
		{"SELECT 1 /* DROP TABLE loans; */", "", ""},
	} {
		for dialect, want := range map[string]string{"sqlite": test.sqlite, "postgres": test.postgres} {
			dir := "services/library/migrations/" + dialect + "/"
			root := fstest.MapFS{
				dir + "0001_init.sql":   {Data: []byte(first)},
				dir + "0002_change.sql": {Data: []byte(test.sql + ";\n")},
			}
			if got := strings.Join(rulesOf(t, root, dialect), " "); got != want {
				t.Errorf("%s: %s\ngot  %q\nwant %q", dialect, test.sql, got, want)
			}
		}
	}
}

// rulesOf returns the rules that the files of a dialect break, in order.
func rulesOf(t *testing.T, root fstest.MapFS, dialect string) []string {
	t.Helper()
	found, err := Check(root, fstest.MapFS{"services/library/migrations/" + dialect + "/0001_init.sql": {Data: []byte(first)}})
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, d := range found {
		if d.Rule != diag.MigrationDialects {
			rules = append(rules, strings.TrimPrefix(string(d.Rule), "MIGRATION_"))
		}
	}
	slices.SortStableFunc(rules, func(a, b string) int { return order(a) - order(b) })
	return rules
}

// order sorts findings at one place by what is worse.
func order(rule string) int {
	return strings.Index("DROP RENAME TYPE REQUIRED UNIQUE LOCK OPAQUE TRANSACTION", rule)
}

func TestDirectives(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		{"-- pl:allow MIGRATION_DROP nobody reads it since 1.4\nALTER TABLE loans DROP COLUMN title;", ""},
		{"-- pl:allow MIGRATION_DROP nobody reads it since 1.4\n\nALTER TABLE loans DROP COLUMN title;", "DROP"},
		{"-- pl:allow MIGRATION_DROP\nALTER TABLE loans DROP COLUMN title;", "ALLOW DROP"},
		{"-- pl:allow MIGRATION_RENAME wrong rule\nALTER TABLE loans DROP COLUMN title;", "ALLOW DROP"},
		{"-- pl:allow MIGRATION_NUMBER no such waiver\nALTER TABLE loans DROP COLUMN title;", "ALLOW DROP"},
		{"-- pl:allow\nDROP TABLE loans;", "ALLOW DROP"},
		{"-- a note\n-- pl:allow MIGRATION_UNIQUE checked\n-- pl:allow MIGRATION_LOCK 20 rows\nCREATE UNIQUE INDEX k ON loans (title);", ""},
	} {
		dir := "services/library/migrations/postgres/"
		root := fstest.MapFS{dir + "0001_init.sql": {Data: []byte(first)}, dir + "0002_change.sql": {Data: []byte(test.sql)}}
		if got := strings.Join(rulesOf(t, root, "postgres"), " "); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.sql, got, test.want)
		}
	}
}

// TestRebuild judges the way in which SQLite alters tables.
func TestRebuild(t *testing.T) {
	rebuild := func(columns, copied string) string {
		return "CREATE TABLE `new_loans` (" + columns + ", PRIMARY KEY (`id`));\n" +
			"INSERT INTO `new_loans` (" + copied + ") SELECT " + copied + " FROM `loans`;\n" +
			"DROP TABLE `loans`;\nALTER TABLE `new_loans` RENAME TO `loans`;\nCREATE INDEX `loans_title_idx` ON `loans` (`title`);\n"
	}
	for _, test := range []struct{ name, sql, want string }{
		{"nothing is lost", rebuild("`id` text NOT NULL, `title` text NOT NULL DEFAULT '', `pages` integer, `code` varchar(10), `stars` integer NOT NULL DEFAULT 0",
			"`id`, `title`, `pages`, `code`"), ""},
		{"a column is lost", rebuild("`id` text NOT NULL, `title` text NOT NULL DEFAULT '', `code` varchar(10)", "`id`, `title`, `code`"), "DROP"},
		{"a type changes", rebuild("`id` text NOT NULL, `title` text NOT NULL DEFAULT '', `pages` text, `code` varchar(10)", "`id`, `title`, `pages`, `code`"), "TYPE"},
		{"a column becomes required", rebuild("`id` text NOT NULL, `title` text NOT NULL DEFAULT '', `pages` integer NOT NULL, `code` varchar(10)",
			"`id`, `title`, `pages`, `code`"), "REQUIRED"},
		{"the copy is not renamed", "CREATE TABLE copy (id text);\nINSERT INTO copy SELECT id FROM loans;\nDROP TABLE loans;", "DROP"},
	} {
		dir := "services/library/migrations/sqlite/"
		root := fstest.MapFS{dir + "0001_init.sql": {Data: []byte(first)}, dir + "0002_change.sql": {Data: []byte(test.sql)}}
		if got := strings.Join(rulesOf(t, root, "sqlite"), " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestPlaces wants findings where the word stands that makes them.
func TestPlaces(t *testing.T) {
	dir := "services/library/migrations/postgres/"
	found, err := Check(fstest.MapFS{
		dir + "0001_init.sql":   {Data: []byte(first)},
		dir + "0002_change.sql": {Data: []byte("-- a change\n\nALTER TABLE \"loans\"\n  ADD COLUMN \"a\" text,\n  DROP COLUMN \"title\";\n")},
	}, fstest.MapFS{dir + "0001_init.sql": {Data: []byte(first)}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Rule == diag.MigrationDrop })
	if i < 0 || found[i].Place() != dir+"0002_change.sql:5:3" {
		t.Errorf("found %v", found)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(first)
	f.Add("ALTER TABLE x ADD CONSTRAINT")
	f.Add("-- pl:allow\nDROP TABLE [a b], \"c\"\"d\" CASCADE;")
	f.Add("CREATE TABLE a (b numeric(1,2) DEFAULT (f(1)), UNIQUE (b)) ; INSERT INTO a SELECT $$;$$ FROM b")
	f.Fuzz(func(t *testing.T, sql string) {
		dir := "services/library/migrations/"
		root := fstest.MapFS{dir + "postgres/0001_init.sql": {Data: []byte(sql)}, dir + "sqlite/0001_init.sql": {Data: []byte(sql)}}
		if _, err := Check(root, nil); err != nil {
			t.Fatal(err)
		}
	})
}
