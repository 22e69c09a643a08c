package tx_test

import (
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// files are migrations that work on both engines, as pairs of name and text.
func files(pairs ...string) fs.FS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		for _, dialect := range []string{"sqlite/", "postgres/"} {
			all[dialect+pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
		}
	}
	return all
}

const (
	createLoan = `CREATE TABLE loan (id text PRIMARY KEY); CREATE INDEX loan_id ON loan (id);`
	createBook = `CREATE TABLE book (id text PRIMARY KEY)`
)

func TestMigrations(t *testing.T) {
	effects := []string{"0001_effects.sql", effectTables}
	for name, c := range map[string]struct {
		first, then fs.FS
		migrate     string // the error of Migrate with then, or ""
		verify      string // that of Verify before it
	}{
		"same":         {files(append(effects, "0002_loan.sql", createLoan)...), files(append(effects, "0002_loan.sql", createLoan)...), "", ""},
		"newer":        {files(effects...), files(append(effects, "0002_loan.sql", createLoan)...), "", "0002_loan.sql of the context has not been applied"},
		"older binary": {files(append(effects, "0002_loan.sql", createLoan)...), files(effects...), "", ""},
		"changed": {files(append(effects, "0002_loan.sql", createLoan)...), files(append(effects, "0002_loan.sql", createBook)...),
			"0002_loan.sql of the context was changed", "was changed"},
		"put before": {files(append(effects, "0003_loan.sql", createLoan)...), files(append(effects, "0002_book.sql", createBook, "0003_loan.sql", createLoan)...),
			"0002_book.sql of the context comes before 0003", "comes before"},
		"same number": {files(effects...), files(append(effects, "0001_loan.sql", createLoan)...), "same number", "same number"},
		"bad name":    {files(effects...), files(append(effects, "loan.sql", createLoan)...), "must look like", "must look like"},
		"bad text":    {files(effects...), files(append(effects, "0002_loan.sql", `CREATE TABLE book (id text); nonsense`)...), "0002_loan.sql", "has not been applied"},
		"nothing":     {files(effects...), nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, w *world) {
				if err := w.db.Migrate(t.Context(), c.first); err != nil {
					t.Fatal(err)
				}
				expectError(t, "verify", w.db.Verify(t.Context(), c.then), c.verify)
				expectError(t, "migrate", w.db.Migrate(t.Context(), c.then), c.migrate)
				if c.migrate == "" {
					expectError(t, "verify afterwards", w.db.Verify(t.Context(), c.then), "")
				}
			})
		})
	}
}

func expectError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// A migration that fails leaves nothing behind.
func TestFailedMigrationIsUndone(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		broken := files("0001_effects.sql", effectTables, "0002_x.sql", createLoan+"nonsense")
		if err := w.db.Migrate(t.Context(), broken); err == nil {
			t.Fatal("a migration with an error was accepted")
		}
		if err := w.db.Migrate(t.Context(), files("0001_effects.sql", effectTables, "0002_x.sql", createLoan)); err != nil {
			t.Errorf("after the repair: %v", err)
		}
	})
}

// What is pending is what then runs, and only that.
func TestPendingMigrationsRun(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			db, _ := e.open(t)
			all := files("0001_effects.sql", effectTables, "0002_loan.sql", createLoan)
			pending, err := db.Pending(t.Context(), all)
			if err != nil || len(pending) < 3 || pending[0].History != "platform" || pending[len(pending)-1].SQL != createLoan {
				t.Fatalf("in an empty database %v are pending, %v", pending, err)
			}
			if err := db.Migrate(t.Context(), files("0001_effects.sql", effectTables)); err != nil {
				t.Fatal(err)
			}
			pending, err = db.Pending(t.Context(), all)
			if err != nil || len(pending) != 1 || pending[0].File != db.Traits().Directory+"/0002_loan.sql" {
				t.Fatalf("%v are pending, %v", pending, err)
			}
			var ran []database.Migration
			if err := db.MigrateEach(t.Context(), all, func(m database.Migration, _ time.Duration) { ran = append(ran, m) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(ran, pending) {
				t.Errorf("%v ran, and %v was pending", ran, pending)
			}
		})
	}
}

func TestVerifyAnEmptyDatabase(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			db, _ := e.open(t)
			expectError(t, "verify", db.Verify(t.Context(), nil), "migrate")
			if err := db.Migrate(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			expectError(t, "verify", db.Verify(t.Context(), nil), "")
		})
	}
}

func TestConcurrentMigrations(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			_, again := e.open(t)
			var all sync.WaitGroup
			for range 5 {
				db := again()
				all.Go(func() {
					if err := db.Migrate(t.Context(), tables); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}
