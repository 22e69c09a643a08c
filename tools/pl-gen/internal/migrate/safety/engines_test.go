package safety

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	_ "modernc.org/sqlite"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestReplayAgreesWithEngines runs statements on real databases and wants the
// tables in memory to be those that Atlas finds there.
func TestReplayAgreesWithEngines(t *testing.T) {
	common := `CREATE TABLE IF NOT EXISTS loans (id text NOT NULL, "Title" text DEFAULT 'a;b', pages integer, PRIMARY KEY (id));
CREATE TABLE readers (id text NOT NULL PRIMARY KEY, loan text REFERENCES loans (id), born numeric(10, 2) CHECK (born > 0));
CREATE UNIQUE INDEX loans_title_key ON loans ("Title");
CREATE INDEX loans_pages_idx ON loans (pages);
ALTER TABLE loans ADD COLUMN due timestamp NOT NULL DEFAULT '2026-01-01';
ALTER TABLE loans RENAME COLUMN pages TO page_count; -- a comment; with a semicolon
ALTER TABLE readers RENAME TO people;
ALTER TABLE people DROP COLUMN born;
DROP INDEX loans_pages_idx;
CREATE TABLE gone (id text); DROP TABLE gone;`
	for _, test := range []struct {
		dialect, sql string
		open         func(*testing.T) *sql.DB
		driver       func(schema.ExecQuerier) (migrate.Driver, error)
	}{
		{"sqlite", common + "CREATE TABLE copy (id text, `page_count` integer NOT NULL); INSERT INTO copy SELECT id, 1 FROM loans; DROP TABLE loans; ALTER TABLE copy RENAME TO loans;",
			openSQLite, sqlite.Open},
		{"postgres", common + `ALTER TABLE ONLY loans ALTER COLUMN page_count TYPE bigint USING page_count::bigint, ALTER page_count SET NOT NULL, ADD CONSTRAINT c CHECK (page_count > 0),
			ADD stars smallint, ALTER COLUMN due DROP NOT NULL;`, openPostgres, postgres.Open},
	} {
		t.Run(test.dialect, func(t *testing.T) {
			db := test.open(t)
			if _, err := db.Exec(test.sql); err != nil {
				t.Fatal(err)
			}
			driver, err := test.driver(db)
			if err != nil {
				t.Fatal(err)
			}
			wantTables(t, driver, test.dialect, replayed(t, test.sql))
		})
	}
}

func openSQLite(t *testing.T) *sql.DB { return openDB(t, "sqlite", "file:"+t.TempDir()+"/x.db") }

func openPostgres(t *testing.T) *sql.DB { return openDB(t, "pgx", pgtest.URL(t)) }

func openDB(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func replayed(t *testing.T, text string) ddl.Tables {
	t.Helper()
	f, err := ddl.Parse("x.sql", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tables := ddl.Tables{}
	for _, s := range f.Statements {
		for i := range s.Actions {
			if !tables.Apply(&s.Actions[i]) {
				t.Errorf("%+v fits no table", s.Actions[i])
			}
		}
	}
	return tables
}

func wantTables(t *testing.T, driver migrate.Driver, dialect string, got ddl.Tables) {
	t.Helper()
	real, err := driver.InspectSchema(t.Context(), "", &schema.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, table := range real.Tables {
		for _, c := range table.Columns {
			want[table.Name] = append(want[table.Name], fmt.Sprintf("%s %s not null %t default %t", c.Name, normal(dialect, c.Type.Raw), !c.Type.Null, c.Default != nil))
		}
		for _, i := range table.Indexes {
			want[table.Name] = append(want[table.Name], fmt.Sprintf("index %s unique %t", i.Name, i.Unique))
		}
		slices.Sort(want[table.Name])
	}
	for name, table := range got {
		var lines []string
		for _, c := range table.Columns {
			lines = append(lines, fmt.Sprintf("%s %s not null %t default %t", c.Name, normal(dialect, c.Type), c.NotNull, c.Default))
		}
		for _, i := range table.Indexes {
			lines = append(lines, fmt.Sprintf("index %s unique %t", i.Name, i.Unique))
		}
		slices.Sort(lines)
		if !slices.Equal(lines, want[name]) {
			t.Errorf("%s is\n%q, and in the database\n%q", name, lines, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not replayed: %v", slices.Collect(maps.Keys(want)))
	}
}

// TestOwnHistoriesOnPostgres wants the migrations for PostgreSQL to run, and to
// lead to the tables that the replay says.
func TestOwnHistoriesOnPostgres(t *testing.T) {
	root := os.DirFS("../../../../..")
	for _, context := range []string{"achievement", "quiz"} {
		h, err := read(root, root, context, "postgres")
		if err != nil {
			t.Fatal(err)
		}
		h.replay()
		db := openPostgres(t)
		for _, f := range h.files {
			if _, err := db.Exec(string(f.content)); err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
		}
		driver, err := postgres.Open(db)
		if err != nil {
			t.Fatal(err)
		}
		wantTables(t, driver, "postgres", h.tables)
	}
}
