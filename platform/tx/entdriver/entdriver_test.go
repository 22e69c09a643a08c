package entdriver_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/fstest"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/platform/tx/entdriver"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const create = `CREATE TABLE badge (id text PRIMARY KEY, score integer NOT NULL)`

var tables = fstest.MapFS{
	"sqlite/0001_badge.sql":   {Data: []byte(create)},
	"postgres/0001_badge.sql": {Data: []byte(create)},
}

func onEachEngine(t *testing.T, f func(t *testing.T, db *database.DB)) {
	for name, open := range map[string]func(t *testing.T) (*database.DB, error){
		"sqlite":   func(t *testing.T) (*database.DB, error) { return sqlite.Open(t.Context(), "") },
		"postgres": func(t *testing.T) (*database.DB, error) { return postgres.Open(t.Context(), pgtest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Migrate(t.Context(), tables); err != nil {
				t.Fatal(err)
			}
			f(t, db)
		})
	}
}

// insert does what an Ent client does to create a row with relations: it
// begins a transaction of its own, and commits or rolls it back.
func insert(ctx context.Context, d dialect.Driver, id string) error {
	own, err := d.Tx(ctx)
	if err != nil {
		return err
	}
	query, args := entsql.Dialect(d.Dialect()).Insert("badge").Columns("id", "score").Values(id, 3).Query()
	var res entsql.Result
	if err := own.Exec(ctx, query, args, &res); err != nil {
		return own.Rollback()
	}
	return own.Commit()
}

func ids(ctx context.Context, d dialect.Driver) (all []string, err error) {
	query, args := entsql.Dialect(d.Dialect()).Select("id").From(entsql.Table("badge")).
		Where(entsql.EQ("score", 3)).OrderBy("id").Query()
	var rows entsql.Rows
	if err := d.Query(ctx, query, args, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	err = entsql.ScanSlice(rows, &all)
	return all, err
}

func inCommand(ctx context.Context, s *tx.Store, run func(ctx context.Context, d dialect.Driver) error) error {
	_, _, err := s.Command(ctx, tx.Command{Method: "test"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		return nil, run(ctx, entdriver.New(t.Conn(), t.Dialect()))
	})
	return err
}

func inRead(ctx context.Context, s *tx.Store, run func(ctx context.Context, d dialect.Driver) error) error {
	return s.Read(ctx, func(ctx context.Context, r *tx.Reader) error {
		return run(ctx, entdriver.New(r.Conn(), r.Dialect()))
	})
}

func expectIDs(t *testing.T, s *tx.Store, want ...string) {
	t.Helper()
	err := inRead(t.Context(), s, func(ctx context.Context, d dialect.Driver) error {
		got, err := ids(ctx, d)
		if !slices.Equal(got, want) {
			t.Errorf("rows are %q, want %q", got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Commit and Rollback of a nested transaction change nothing: the handler's
// result decides.
func TestNestedTransactionsAreTheOpenOne(t *testing.T) {
	onEachEngine(t, func(t *testing.T, db *database.DB) {
		store := tx.NewStore(db, tx.Service{Context: "badges"})
		failed := errors.New("no")
		err := inCommand(t.Context(), store, func(ctx context.Context, d dialect.Driver) error {
			return errors.Join(insert(ctx, d, "a"), failed)
		})
		if !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		expectIDs(t, store)
		err = inCommand(t.Context(), store, func(ctx context.Context, d dialect.Driver) error {
			if err := insert(ctx, d, "b"); err != nil {
				return err
			}
			own, err := d.Tx(ctx)
			if err != nil {
				return err
			}
			got, err := ids(ctx, own.(dialect.Driver))
			if !slices.Equal(got, []string{"b"}) {
				t.Errorf("inside the transaction the rows are %q", got)
			}
			return errors.Join(err, own.Rollback(), d.Close(), insert(ctx, d, "c"))
		})
		if err != nil {
			t.Error(err)
		}
		expectIDs(t, store, "b", "c")
	})
}

// An error inside a nested transaction cannot be swallowed.
func TestNestedFailureFailsTheWhole(t *testing.T) {
	onEachEngine(t, func(t *testing.T, db *database.DB) {
		store := tx.NewStore(db, tx.Service{Context: "badges"})
		err := inCommand(t.Context(), store, func(ctx context.Context, d dialect.Driver) error {
			return errors.Join(insert(ctx, d, "a"), insert(ctx, d, "a")) // rolls back and returns nil
		})
		if err == nil {
			t.Error("the command succeeded")
		}
		expectIDs(t, store)
	})
}

func TestReaderRefusesWrites(t *testing.T) {
	onEachEngine(t, func(t *testing.T, db *database.DB) {
		store := tx.NewStore(db, tx.Service{Context: "badges"})
		err := inRead(t.Context(), store, func(ctx context.Context, d dialect.Driver) error {
			return d.Exec(ctx, `INSERT INTO badge (id, score) VALUES ('x', 3)`, []any{}, nil)
		})
		if err == nil {
			t.Error("a reader wrote")
		}
		expectIDs(t, store)
	})
}
