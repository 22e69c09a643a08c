package tx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A commit whose outcome is unknown is neither a failure of a delivery nor a
// success; claiming again tells which it was.
func TestUnknownCommitOfABatch(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprintf("applied=%v", applied), func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, w *world) {
				w.applyAll(w.claim(), deliveries(0, "a"))
				w.store.SetPace(0)
				c := w.claim()
				w.loseCommits(applied)
				err := w.apply(c, deliveries(1, "b", "c"), 0)
				if !errors.Is(err, database.ErrCommitUnknown) {
					t.Fatalf("got %v, want ErrCommitUnknown", err)
				}
				c = w.claim()
				if applied != (c.Next == 3) || c.Next != 1 && c.Next != 3 {
					t.Fatalf("the position is at %d", c.Next)
				}
				w.applyAll(c, deliveries(c.Next, []string{"", "b", "c", "d"}[c.Next:]...))
				w.expectState(4, "a", "b", "c", "d")
			})
		})
	}
}

func TestUnknownCommitOfACommand(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprintf("applied=%v", applied), func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, w *world) {
				if err := w.store.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.publish("k", "prepares the outbox")
				w.loseCommits(applied)
				if _, _, err := w.command(t.Context(), w.store, "key", "a"); !errors.Is(err, database.ErrCommitUnknown) {
					t.Fatalf("got %v, want ErrCommitUnknown", err)
				}
				response, replayed, err := w.command(t.Context(), w.store, "key", "a")
				if response != "did a" || replayed != applied || err != nil {
					t.Errorf("again: %q, replayed %v, %v", response, replayed, err)
				}
				w.expect("effects", w.column(`SELECT event FROM effect`), "a")
			})
		})
	}
}

// A constraint that is checked at commit fails the delivery that broke it, not
// its neighbours.
func TestConstraintAtCommit(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.exec(`CREATE TABLE parent (id text PRIMARY KEY)`)
		w.exec(`CREATE TABLE child (parent text NOT NULL REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`)
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "c" {
				if _, err := tr.Conn().ExecContext(ctx, `INSERT INTO child (parent) VALUES ('nobody')`); err != nil {
					return err
				}
			}
			return recordEffect(ctx, tr, m)
		}
		c := w.claim()
		w.applyAll(c, deliveries(0, "a", "b", "c", "d"))
		w.expectState(4, "a", "b", "d")
		w.expect("hold", w.held(), "c held 1")
	})
}

// A connection that the server ends is no failure of a delivery.
func TestLostConnectionIsNoFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() == "sqlite3" {
			t.Log("SQLite has no connection to lose")
			return
		}
		c := w.claim()
		killed := false
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" && !killed {
				killed = true
				_, err := tr.Conn().ExecContext(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
				return err
			}
			return recordEffect(ctx, tr, m)
		}
		err := w.apply(c, deliveries(0, "a", "b"), 0)
		if err == nil || len(w.held()) != 0 || errors.Is(err, database.ErrCommitUnknown) {
			t.Fatalf("got %v, want an error of the database", err)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		w.expectState(2, "a", "b")
	})
}
