package tx_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// queued inserts as Ent does when nobody needs the result.
func queued(ctx context.Context, t *tx.Tx, query string, args ...any) error {
	return t.Conn().(interface {
		QueueContext(ctx context.Context, query string, args ...any) error
	}).QueueContext(ctx, query, args...)
}

// A statement that waited fails the delivery that it belongs to, whose handler
// sees the error when the batch runs again.
func TestQueuedStatementFailsItsOwnDelivery(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.exec(`INSERT INTO badge (name) VALUES ('b')`)
		var seen error
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			id := bus.DeliveryFrom(ctx).Event.ID
			if err := queued(ctx, tr, `INSERT INTO badge (name) VALUES ($1)`, id); err != nil {
				seen = errors.Join(seen, err)
				return bus.Reject(err)
			}
			return queued(ctx, tr, `INSERT INTO effect (event) VALUES ($1)`, id)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b", "c"))
		err := w.failure("b")
		if outcome, _ := bus.OutcomeOf(err); outcome != bus.Dead || seen == nil {
			t.Errorf("got %v with outcome %v; the handler saw %v", err, outcome, seen)
		}
		w.expect("badges", w.column(`SELECT name FROM badge ORDER BY name`), "a", "b", "c")
		w.expect("effects", w.column(`SELECT event FROM effect ORDER BY event`), "a", "c")
	})
}

// What was queued is there for every statement after it.
func TestQueuedStatementsAreSeenByQueries(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := queued(ctx, tr, `INSERT INTO badge (name) VALUES ('x')`); err != nil {
				return err
			}
			res, err := tr.Conn().ExecContext(ctx, `UPDATE badge SET awarded = awarded + 1 WHERE name = 'x'`)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); n != 1 || err != nil {
				t.Errorf("updated %d rows, %v", n, err)
			}
			return nil
		}
		w.applyAll(w.claim(), deliveries(0, "a"))
		w.expect("badges", w.column(`SELECT name FROM badge`), "x")
	})
}
