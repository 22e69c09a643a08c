package tx_test

import (
	"context"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A statement that the server cancels, because it has a limit of its own, is
// the fault of its delivery and not of the database.
func TestStatementThatTheServerCancels(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() != "postgres" {
			return // SQLite has no such limit
		}
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				if _, err := tr.Conn().ExecContext(ctx, `SET LOCAL statement_timeout = '20ms'`); err != nil {
					return err
				}
				_, err := tr.Conn().ExecContext(ctx, `SELECT pg_sleep(3)`)
				return err
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(w.claim(), onKeys(deliveries(0, "a", "b", "c"), "x", "y", "z"))
		w.expect("hold", w.held(), "b held 1")
		w.expect("effects", w.effects(), "a", "c")
	})
}

// A queued statement that waits too long is sent by a later delivery, which
// must not pay for it.
func TestQueuedStatementThatWaits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() != "postgres" {
			return // SQLite has one writer, which waits for nobody
		}
		w.route.Timeout = 300 * time.Millisecond
		w.store = w.newStore(w.db)
		w.exec(`INSERT INTO badge (name) VALUES ('hot')`)
		u, err := w.db.Begin(t.Context(), database.Background)
		if err != nil {
			t.Fatal(err)
		}
		defer u.Rollback()
		if _, err := u.ExecContext(t.Context(), `UPDATE badge SET awarded = 7`); err != nil {
			t.Fatal(err)
		}
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "a" {
				return queued(ctx, tr, `UPDATE badge SET awarded = awarded + 1`)
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(w.claim(), onKeys(deliveries(0, "a", "b", "c", "d", "e"), "v", "w", "x", "y", "z"))
		w.expect("hold", w.held(), "a held 1")
		w.expect("effects", w.effects(), "b", "c", "d", "e")
	})
}

// A handler that gives a statement up keeps nobody but its own key.
func TestHandlerGivesAStatementUp(t *testing.T) {
	slow := map[string]string{
		"postgres": `SELECT pg_sleep(3)`,
		"sqlite3":  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT count(*) FROM n`,
	}
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID != "b" {
				return recordEffect(ctx, tr, m)
			}
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			_, err := tr.Conn().ExecContext(ctx, slow[tr.Dialect()])
			return err
		}
		w.applyAll(w.claim(), onKeys(deliveries(0, "a", "b", "c"), "x", "y", "z"))
		w.expect("hold", w.held(), "b held 1")
		w.expect("effects", w.effects(), "a", "c")
	})
}
