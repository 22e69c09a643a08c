package tx_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestCommandIsReplayed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for i := range 3 {
			response, replayed, err := w.command(t.Context(), w.store, "key", "a")
			if response != "did a" || replayed != (i > 0) || err != nil {
				t.Errorf("call %d: %q, replayed %v, %v", i, response, replayed, err)
			}
		}
		if _, _, err := w.command(t.Context(), w.store, "key", "b"); !errors.Is(err, tx.ErrKeyReused) {
			t.Errorf("another request with the key: %v, want ErrKeyReused", err)
		}
		other := keyed("key", "b")
		other.Caller = "somebody else"
		if _, replayed, err := w.store.Command(t.Context(), other, answer("x")); replayed || err != nil {
			t.Errorf("the same key of another caller: replayed %v, %v", replayed, err)
		}
		w.expect("effects", w.column(`SELECT event FROM effect`), "a")
	})
}

func answer(text string) func(context.Context, *tx.Tx) ([]byte, error) {
	return func(context.Context, *tx.Tx) ([]byte, error) { return []byte(text), nil }
}

func TestEmptyAnswerIsReplayed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for i := range 2 {
			response, replayed, err := w.store.Command(t.Context(), keyed("key", "a"),
				func(context.Context, *tx.Tx) ([]byte, error) { return nil, nil })
			if len(response) != 0 || replayed != (i > 0) || err != nil {
				t.Errorf("call %d: %q, replayed %v, %v", i, response, replayed, err)
			}
		}
	})
}

func TestFailedCommandStoresNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		cause := errors.New("no such course")
		_, _, err := w.store.Command(t.Context(), keyed("key", "a"), func(ctx context.Context, tr *tx.Tx) ([]byte, error) {
			_, err := tr.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ('a')`)
			return nil, errors.Join(err, cause)
		})
		if !errors.Is(err, cause) {
			t.Errorf("got %v, want the handler's error", err)
		}
		_, _, err = w.store.Command(t.Context(), keyed("key", "a"), func(context.Context, *tx.Tx) ([]byte, error) { panic("bug") })
		var panicked *bus.PanicError
		if !errors.As(err, &panicked) {
			t.Errorf("got %v, want the panic", err)
		}
		w.expect("effects", w.column(`SELECT event FROM effect`))
		if _, replayed, err := w.command(t.Context(), w.store, "key", "b"); replayed || err != nil {
			t.Errorf("after the failure: replayed %v, %v", replayed, err)
		}
	})
}

func TestConcurrentCommandsWithOneKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		stores := []*tx.Store{w.store, w.newStore(w.again())}
		var ran, replays atomic.Int32
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				response, replayed, err := w.command(t.Context(), stores[i%2], "key", "a")
				if response != "did a" || err != nil {
					t.Errorf("got %q and %v", response, err)
				}
				if replayed {
					replays.Add(1)
				} else {
					ran.Add(1)
				}
			})
		}
		all.Wait()
		if ran.Load() != 1 || replays.Load() != 11 {
			t.Errorf("%d ran and %d were replayed", ran.Load(), replays.Load())
		}
		w.expect("effects", w.column(`SELECT event FROM effect`), "a")
	})
}

func TestAnswersAreForgottenAfterADay(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for _, key := range []string{"a", "b"} {
			if _, _, err := w.command(t.Context(), w.store, key, "x"); err != nil {
				t.Fatal(err)
			}
		}
		w.exec(`UPDATE pl_command SET created_at = $1`, time.Now().UTC().Add(-25*time.Hour))
		if _, replayed, err := w.command(t.Context(), w.store, "a", "y"); replayed || err != nil {
			t.Errorf("after a day: replayed %v, %v", replayed, err)
		}
		if err := w.db.MaintainAt(t.Context(), time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		w.expect("keys", w.column(`SELECT key FROM pl_command`), "a")
		if _, replayed, err := w.command(t.Context(), w.store, "a", "y"); !replayed || err != nil {
			t.Errorf("the new answer: replayed %v, %v", replayed, err)
		}
	})
}

func TestCommandRunsOutOfTime(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := keyed("key", "a")
		c.Timeout = 50 * time.Millisecond
		_, _, err := w.store.Command(t.Context(), c, func(ctx context.Context, tr *tx.Tx) ([]byte, error) {
			<-ctx.Done()
			return []byte("late"), nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if _, replayed, err := w.command(t.Context(), w.store, "key", "a"); replayed || err != nil {
			t.Errorf("again: replayed %v, %v", replayed, err)
		}
	})
}

func TestCommandRunsAgainAfterAConflict(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() == "sqlite3" {
			t.Log("SQLite has one writer, so that its transactions cannot conflict")
			return
		}
		runs := 0
		_, _, err := w.store.Command(t.Context(), keyed("key", "a"), func(ctx context.Context, tr *tx.Tx) ([]byte, error) {
			if runs++; runs < 3 {
				_, err := tr.Conn().ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$`)
				return nil, errors.New("hidden: " + err.Error())
			}
			return nil, nil
		})
		if runs != 3 || err != nil {
			t.Errorf("%d runs, %v", runs, err)
		}
	})
}

func TestCommandInsideAHandlerIsRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		_, _, err := w.store.Command(t.Context(), tx.Command{Method: "outer"}, func(ctx context.Context, _ *tx.Tx) ([]byte, error) {
			_, _, err := w.store.Command(ctx, tx.Command{Method: "inner"}, answer("x"))
			return nil, err
		})
		if err == nil {
			t.Error("a command inside a command succeeded")
		}
	})
}

func TestReaderSeesOneStateAndCannotWrite(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		count := func(ctx context.Context, r *tx.Reader) (n int) {
			rows, err := r.Conn().QueryContext(ctx, `SELECT count(*) FROM effect`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				if err := rows.Scan(&n); err != nil {
					t.Fatal(err)
				}
			}
			return n
		}
		var kept *tx.Reader
		err := w.store.Read(t.Context(), func(ctx context.Context, r *tx.Reader) error {
			kept = r
			before := count(ctx, r)
			if _, _, err := w.command(ctx, w.store, "", "a"); err != nil {
				return err
			}
			if after := count(ctx, r); before != 0 || after != 0 {
				t.Errorf("saw %d, then %d effects", before, after)
			}
			_, err := r.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ('b')`)
			if err == nil {
				t.Error("a reader wrote")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Conn().QueryContext(t.Context(), `SELECT 1`); !errors.Is(err, database.ErrOver) {
			t.Errorf("an old reader: %v, want ErrOver", err)
		}
		w.expect("effects", w.column(`SELECT event FROM effect`), "a")
	})
}

// Commands do not wait for a long batch to end on SQLite, because there is no
// long batch: its transactions are sized by how long deliveries take.
// A query handler that waits for ever does not keep its connection for ever.
func TestReadRunsOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		store := tx.NewStore(db, tx.Service{Context: "notes"})
		begin := time.Now()
		err = store.Read(t.Context(), func(ctx context.Context, _ *tx.Reader) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != bus.DefaultTimeout {
			t.Errorf("ended after %s: %v", took, err)
		}
	})
}

func TestBatchesMakeWayForCommands(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() != "sqlite3" {
			t.Log("PostgreSQL has many writers")
			return
		}
		w.store.SetPace(time.Millisecond)
		sizes := map[string]int{}
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			sizes[tr.Now().String()]++
			return nil
		}
		w.applyAll(w.claim(), deliveries(0, numbers(0, 5)...))
		if len(sizes) != 1 {
			t.Errorf("5 deliveries of 1 ms took %d transactions, want 1", len(sizes))
		}
		w.store.SetPace(5 * time.Millisecond)
		clear(sizes)
		w.applyAll(w.claim(), deliveries(5, "x", "y"))
		if len(sizes) != 2 {
			t.Errorf("2 deliveries of 5 ms took %d transactions, want 2", len(sizes))
		}
	})
}
