package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// value reads one value through a Reader.
func value(t *testing.T, db *database.DB, query string) (v string) {
	t.Helper()
	store := tx.NewStore(db, tx.Service{Context: "test"})
	err := store.Read(t.Context(), func(ctx context.Context, r *tx.Reader) error {
		rows, err := r.Conn().QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		if !rows.Next() {
			return errors.New("no row")
		}
		return rows.Scan(&v)
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Any path names one file: relative, with blanks and with the characters that
// mean something in a URI.
func TestOpenTakesAnyPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"here.db", "new dir/50% of a?b#c&d=e.db", filepath.Join(t.TempDir(), "absolute.db")} {
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Errorf("open %s: %v", path, err)
			continue
		}
		if err := db.Migrate(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if mode := value(t, db, "PRAGMA journal_mode"); mode != "wal" {
			t.Errorf("%s: journal mode is %s", path, mode)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s is not the database: %v", path, err)
		}
	}
}

func TestTemporaryDatabaseIsRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	db, err := sqlite.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOpenFailsWithThePath(t *testing.T) {
	if _, err := sqlite.Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory was opened as a database")
	}
}
