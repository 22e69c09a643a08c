package tx_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A disk that is full is nobody's fault: no delivery is held for it, the batch
// has no effect, and all of it is applied when there is room again. PostgreSQL
// says it with a code of its class 53, see TestClassify there.
func TestFullDiskHoldsNothing(t *testing.T) {
	w := newWorld(t, engines[0].open)
	if w.db.Dialect() != "sqlite3" {
		t.Fatalf("the first engine is %s", w.db.Dialect())
	}
	w.applyAll(w.claim(), deliveries(0, "a"))
	w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
		_, err := tr.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ($1)`,
			bus.DeliveryFrom(ctx).Event.ID+strings.Repeat(" ", 20_000))
		return err
	}
	w.pages(t, "(SELECT page_count FROM pragma_page_count)")
	c := w.claim()
	if n, err := w.store.Apply(t.Context(), c, deliveries(1, "b", "c", "d")); n != 0 || err == nil {
		t.Fatalf("applied %d deliveries on a full disk; error: %v; held %q", n, err, w.column(`SELECT cause FROM pl_hold`))
	}
	w.expect("held", w.column(`SELECT event_id FROM pl_hold`))
	w.expect("effects", w.column(`SELECT trim(event) FROM effect`), "a")
	w.pages(t, "4294967294")
	w.applyAll(w.claim(), deliveries(1, "b", "c", "d"))
	w.expect("effects", w.column(`SELECT trim(event) FROM effect`), "a", "b", "c", "d")
}

// pages bounds how many pages the database's file may have.
func (w *world) pages(t *testing.T, most string) {
	t.Helper()
	err := w.db.InTx(t.Context(), func(u *database.Unit) error {
		var n int64
		if found, err := database.Scan(t.Context(), u, `SELECT `+most, nil, &n); err != nil || !found {
			return fmt.Errorf("count pages: %w", err)
		}
		return database.Each(t.Context(), u, fmt.Sprintf("PRAGMA max_page_count = %d", n), nil, func(*sql.Rows) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
}
