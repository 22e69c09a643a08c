package tx_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestTrialChangesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		db := w.again()
		store := w.newStore(db)
		w.handle = func(ctx context.Context, t *tx.Tx, m event.Message) error {
			if _, err := t.Conn().ExecContext(ctx, `INSERT INTO badge (name) VALUES ('a'), ('b')`); err != nil {
				return err
			}
			if _, err := t.Conn().ExecContext(ctx, `UPDATE badge SET awarded = 1 WHERE name = 'a'`); err != nil {
				return err
			}
			return recordEffect(ctx, t, m)
		}
		for range 2 { // the first leaves nothing in the way of the second
			trial, err := store.Try(t.Context(), deliveries(0, "1")[0])
			want := []database.TableChange{{Action: "insert", Table: "badge", Rows: 2}, {Action: "update", Table: "badge", Rows: 1}, {Action: "insert", Table: "effect", Rows: 1}}
			if err != nil || trial.Err != nil || trial.Applied || !slices.Equal(trial.Changes, want) || len(trial.Published) != 1 || trial.Published[0].Topic != noted.Topic {
				t.Fatalf("%v, %+v", err, trial)
			}
		}
		w.expect("effects", w.effects())
		w.expect("badges", w.column(`SELECT name FROM badge`))
		w.expect("outbox", w.column(`SELECT id FROM pl_outbox`))
		w.expect("inbox", w.column(`SELECT consumer FROM pl_inbox`))
		w.expect("positions", w.column(`SELECT consumer FROM pl_consumer_partition`))
	})
}

func TestTrialSaysWhatWouldHappen(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.applyAll(w.claim(), deliveries(0, "1"))
		trial, err := w.store.Try(t.Context(), deliveries(0, "1")[0])
		if err != nil || !trial.Applied {
			t.Errorf("an event that was applied: %v, %+v", err, trial)
		}
		for what, c := range map[string]struct {
			err  error
			want bus.Outcome
		}{
			"retry":  {errors.New("the mail server is down"), bus.Retry},
			"reject": {bus.Reject(errors.New("no such student")), bus.Dead},
			"park":   {bus.Park(errors.New("ask a person")), bus.Parked},
		} {
			w.handle = func(ctx context.Context, t *tx.Tx, m event.Message) error {
				return errors.Join(recordEffect(ctx, t, m), c.err)
			}
			trial, err := w.store.Try(t.Context(), deliveries(0, "2")[0])
			if err != nil || trial.Outcome != c.want || !errors.Is(trial.Err, c.err) {
				t.Errorf("%s: %v, %+v", what, err, trial)
			}
		}
		w.handle = func(ctx context.Context, t *tx.Tx, _ event.Message) error {
			_, err := t.Conn().ExecContext(ctx, `INSERT INTO nowhere VALUES (1)`)
			_ = err // a handler that hides a failure does not succeed
			return nil
		}
		if trial, err := w.store.Try(t.Context(), deliveries(0, "3")[0]); err != nil || trial.Err == nil {
			t.Errorf("a statement that failed: %v, %+v", err, trial)
		}
		w.handle = func(context.Context, *tx.Tx, event.Message) error { panic("oops") }
		if trial, err := w.store.Try(t.Context(), deliveries(0, "4")[0]); err != nil || trial.Err == nil {
			t.Errorf("a panic: %v, %+v", err, trial)
		}
		broken := deliveries(0, "5")[0]
		broken.Err = errors.New("bad magic")
		if trial, err := w.store.Try(t.Context(), broken); err != nil || trial.Outcome != bus.Dead {
			t.Errorf("a record that cannot be decoded: %v, %+v", err, trial)
		}
		w.expect("effects", w.effects(), "1")
	})
}

func TestResetFencesTheOwner(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		w.applyAll(c, deliveries(0, "1", "2"))
		seen := *c
		refused := errors.New("no audit")
		if _, err := tx.Reset(t.Context(), w.db, seen, 0, func(*database.Unit) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("without its audit: %v", err)
		}
		moved, err := tx.Reset(t.Context(), w.db, seen, 1, func(*database.Unit) error { return nil })
		if err != nil || moved.Next != 1 || moved.Epoch != seen.Epoch+1 {
			t.Fatalf("%+v, %v", moved, err)
		}
		if _, err := tx.Reset(t.Context(), w.db, seen, 0, func(*database.Unit) error { return nil }); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("a reset of what has moved since: %v", err)
		}
		if err := w.apply(c, deliveries(2, "3"), 0); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("the owner before goes on: %v", err)
		}
		again := w.claim()
		if again.Next != 1 {
			t.Fatalf("claimed at %d", again.Next)
		}
		w.applyAll(again, deliveries(1, "2", "3"))
		w.expect("effects", w.effects(), "1", "2", "3")
	})
}

// TestIdleOwnerNoticesAReset looks at an owner that gets nothing to apply.
func TestIdleOwnerNoticesAReset(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || plan.Next.IsZero() || time.Until(plan.Next) > time.Minute {
			t.Fatalf("an idle owner looks again at %v (%v)", plan.Next, err)
		}
		if _, err := tx.Reset(t.Context(), w.db, *c, 0, func(*database.Unit) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Plan(t.Context(), c); err != nil {
			t.Errorf("it looks before its time: %v", err)
		}
		w.store.Refresh()
		if _, err := w.store.Plan(t.Context(), c); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("it was told and has not noticed: %v", err)
		}
	})
}

func TestAppliedAsksTheInbox(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.applyAll(w.claim(), deliveries(0, "1"))
		for id, want := range map[string]bool{"1": true, "2": false} {
			for _, at := range []time.Time{day0, day0.Add(-24 * time.Hour), day0.Add(24 * time.Hour)} {
				got, err := tx.Applied(t.Context(), w.db, consumerName, "/pulselearn/other", id, at)
				if err != nil || got != want {
					t.Errorf("event %s around %s: %v, %v", id, at, got, err)
				}
			}
		}
		if got, err := tx.Applied(t.Context(), w.db, consumerName, "/pulselearn/another", "1", day0); err != nil || got {
			t.Errorf("an event of another source: %v, %v", got, err)
		}
	})
}
