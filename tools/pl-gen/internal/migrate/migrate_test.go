package migrate

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	_ "modernc.org/sqlite"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

const top = "../../../.."

func contexts(tb testing.TB) []*model.Context {
	tb.Helper()
	return modeltest.Load(tb, os.DirFS(top)).Contexts
}

// TestHistories applies the migrations of every context to a real SQLite and
// compares what comes out with the snapshot and with the entities.
func TestHistories(t *testing.T) {
	tested := 0
	for _, c := range contexts(t) {
		if len(c.Entities) == 0 {
			continue
		}
		tested++
		t.Run(c.Name, func(t *testing.T) {
			db := replay(t, os.DirFS(top), c.Name)
			wantTables(t, db, Of(c))
			snapshot, err := ReadSnapshot(os.DirFS(top), c.Name)
			if err != nil {
				t.Fatal(err)
			}
			if !snapshot.Equal(Of(c)) {
				t.Errorf("the snapshot is not what the entities say; run pl-gen migrate diff %s", c.Name)
			}
		})
	}
	if tested < 5 {
		t.Errorf("%d contexts with entities, want at least the first five", tested)
	}
}

func replay(t *testing.T, root fs.FS, context string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/replay.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	names, err := fs.Glob(root, path.Join(Dir(context), "sqlite", "*.sql"))
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations of %s: %v, %v", context, names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(string(text)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return db
}

// wantTables compares a database with a snapshot through Atlas.
func wantTables(t *testing.T, db *sql.DB, want Snapshot) {
	t.Helper()
	driver, err := sqlite.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	got, err := driver.InspectSchema(context.Background(), "", &schema.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wanted := dialects[0].schema(want)
	wanted.Name = got.Name
	diff, err := driver.SchemaDiff(got, wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range diff {
		t.Errorf("the database differs: %T %+v", c, c)
	}
}

func column(name string, typ Type, mods ...func(*Column)) Column {
	c := Column{Name: name, Type: typ}
	for _, m := range mods {
		m(&c)
	}
	return c
}

func key(c *Column)  { c.Key = true }
func null(c *Column) { c.Null = true }
func zero(c *Column) { c.Default = map[Type]string{Text: "''", Int: "0"}[c.Type] }

func tables(columns ...Column) Snapshot {
	return Snapshot{Tables: []Table{{Name: "loans", Columns: append([]Column{column("id", Text, key)}, columns...)}}}
}

func TestRefusals(t *testing.T) {
	before := tables(column("title", Text, zero), column("due", Time, null))
	for _, test := range []struct {
		name        string
		to          Snapshot
		destructive bool
		want        string // "" when it is planned
	}{
		{"a new column with a zero", tables(before.Tables[0].Columns[1], before.Tables[0].Columns[2], column("pages", Int, zero)), false, ""},
		{"a new optional column", tables(before.Tables[0].Columns[1], before.Tables[0].Columns[2], column("at", Time, null)), false, ""},
		{"a new column without a zero", tables(before.Tables[0].Columns[1], before.Tables[0].Columns[2], column("at", Time)), true, "no value for it"},
		{"a dropped column", tables(column("title", Text, zero)), false, "drop column loans.due: data would be lost"},
		{"a dropped column that is meant", tables(column("title", Text, zero)), true, ""},
		{"a dropped table", Snapshot{}, false, "drop table loans: data would be lost"},
		{"another type", tables(column("title", Int, zero), column("due", Time, null)), true, "from text to int"},
		{"a column that becomes required", tables(column("title", Text, zero), column("due", Time)), false, "make column loans.due required"},
		{"a column that moves", tables(column("due", Time, null), column("title", Text, zero)), false, ""},
	} {
		err := refuse("library", changes(before, test.to), Options{Destructive: test.destructive})
		var refused *RefusedError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want a refusal with %q", test.name, err, test.want)
		}
	}
}

func TestOrderOfColumnsIsNoChange(t *testing.T) {
	a := tables(column("title", Text, zero), column("due", Time, null))
	b := tables(column("due", Time, null), column("title", Text, zero))
	if !a.Equal(b) || len(changes(a, b)) != 0 {
		t.Errorf("changes %v", changes(a, b))
	}
	b.Tables[0].Columns[1].Null = false
	if a.Equal(b) {
		t.Error("a column that becomes required is a change")
	}
}

// TestRowsSurvive takes rows through every kind of change.
func TestRowsSurvive(t *testing.T) {
	first := tables(column("title", Text, zero))
	second := tables(column("title", Text, zero), column("pages", Int, zero), column("due", Time, null))
	second.Tables[0].addIndex(true, "title")
	third := tables(column("title", Text, zero), column("due", Time, null))

	db := replaySteps(t, Snapshot{}, first)
	if _, err := db.Exec("INSERT INTO loans (id, title) VALUES ('a', 'Emma'), ('b', 'Dune')"); err != nil {
		t.Fatal(err)
	}
	apply(t, db, first, second)
	apply(t, db, second, third)
	wantTables(t, db, third)
	var titles string
	if err := db.QueryRow("SELECT group_concat(title) FROM (SELECT title FROM loans ORDER BY id)").Scan(&titles); err != nil || titles != "Emma,Dune" {
		t.Errorf("titles %q, %v", titles, err)
	}
}

func replaySteps(t *testing.T, from, to Snapshot) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/steps.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	apply(t, db, from, to)
	return db
}

func apply(t *testing.T, db *sql.DB, from, to Snapshot) {
	t.Helper()
	statements, err := dialects[0].statements(from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	dir := "services/library/migrations/sqlite"
	for _, test := range []struct {
		files []string
		want  int
		fails bool
	}{
		{nil, 1, false},
		{[]string{"0001_init.sql"}, 2, false},
		{[]string{"0001_init.sql", "0007_later.sql"}, 8, false},
		{[]string{"notes.txt"}, 0, true},
	} {
		root := fstest.MapFS{}
		for _, f := range test.files {
			root[dir+"/"+f] = &fstest.MapFile{}
		}
		got, err := nextNumber(root, dir)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%v: %d, %v, want %d", test.files, got, err, test.want)
		}
	}
}

func TestIndexNamesFit(t *testing.T) {
	long := []string{"a_column_with_a_rather_long_name", "another_column_with_a_long_name", "one_more"}
	name := indexName("borrowings", true, long)
	if len(name) > maxIdentifier || !strings.HasSuffix(name, "_key") || name == indexName("borrowings", true, long[:2]) {
		t.Errorf("name %q", name)
	}
	if got := indexName("loans", false, []string{"title"}); got != "loans_title_idx" {
		t.Errorf("name %q", got)
	}
}

func TestSnapshotsAreStrict(t *testing.T) {
	for _, text := range []string{`{"tables": [], "more": 1}`, `{`, `[]`} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%s was read", text)
		}
	}
	s := tables(column("title", Text, zero))
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || !slices.Equal(again.Tables[0].Columns, s.Tables[0].Columns) {
		t.Errorf("%v, %v", again, err)
	}
}

func BenchmarkOf(b *testing.B) {
	list := contexts(b)
	for b.Loop() {
		for _, c := range list {
			if _, err := dialects[1].statements(Snapshot{}, Of(c)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
