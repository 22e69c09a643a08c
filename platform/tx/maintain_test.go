package tx_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

const day = 24 * time.Hour

func TestOldDaysAreDropped(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		b := newBroker()
		stop := w.relay(w.db, b)
		w.drained(w.db)
		stop()
		maintain := func(after time.Duration, inbox, outbox int) {
			t.Helper()
			if err := w.db.MaintainAt(t.Context(), time.Now().UTC().Add(after)); err != nil {
				t.Fatal(err)
			}
			if n := len(w.column(`SELECT day FROM pl_inbox`)); n != inbox {
				t.Errorf("after %v the inbox has %d rows, want %d", after, n, inbox)
			}
			if n := len(w.column(`SELECT day FROM pl_outbox`)); n != outbox {
				t.Errorf("after %v the outbox has %d rows, want %d", after, n, outbox)
			}
		}
		maintain(6*day, 2, 2)
		maintain(8*day, 2, 0)
		maintain(10*day, 0, 0)
		maintain(10*day, 0, 0)
	})
}

func TestUnpublishedEventsAreNeverDropped(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.publish("k", "a")
		if err := w.db.MaintainAt(t.Context(), time.Now().UTC().Add(30*day)); err != nil {
			t.Fatal(err)
		}
		b := newBroker()
		w.relay(w.db, b)
		w.drained(w.db)
		w.expect("records", b.texts("k"), "a")
	})
}

// Events of many days, and with impossible times, are settled like others.
// A day that cannot be dropped now, as during a backup, keeps nothing else
// from being tidied up.
func TestHousekeepingGoesOnAfterAFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if _, _, err := w.command(t.Context(), w.store, "key", "a"); err != nil {
			t.Fatal(err)
		}
		w.exec(`ALTER TABLE pl_inbox RENAME TO gone`)
		w.exec(`INSERT INTO pl_day (relation, day, last_used) VALUES ('pl_inbox', 20200101, $1)`, time.Unix(0, 0).UTC())
		if w.db.Dialect() == "postgres" {
			w.exec(`CREATE VIEW pl_inbox_20200101 AS SELECT 1`) // DROP TABLE refuses it
		}
		if err := w.db.MaintainAt(t.Context(), time.Now().Add(25*time.Hour)); err == nil {
			t.Error("the failure is not reported")
		}
		w.expect("answers", w.column(`SELECT key FROM pl_command`))
	})
}

func TestInboxTakesEventsOfAnyTime(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		times := []time.Time{{}, time.Unix(0, 0), day0.Add(-59 * day), day0.Add(-3 * day), day0.Add(day), day0.Add(1000 * day)}
		batch := append(deliveries(0, numbers(0, 6)...), deliveries(6, numbers(0, 6)...)...)
		for i, d := range batch {
			d.Event.Time = times[i%6]
		}
		w.applyAll(w.claim(), batch)
		w.expectState(12, numbers(0, 6)...)
	})
}

// The day changes while a process runs.
func TestDayRollsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		ctx, cancel := context.WithCancel(t.Context())
		maintained := make(chan error)
		go func() { maintained <- db.Maintain(ctx, slog.New(slog.DiscardHandler)) }()
		stop := w.relay(db, newBroker())
		for range 12 {
			w.publish("k", "a")
			time.Sleep(day) // virtual
		}
		stop()
		cancel()
		if err := <-maintained; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := len(w.column(`SELECT DISTINCT day FROM pl_outbox`)); n < 7 || n > 9 {
			t.Errorf("the outbox has %d days, want those of a week", n)
		}
	})
}

// Deliveries that are too slow together, but not each, run in smaller
// transactions, and none of them has failed.
func TestSlowBatchIsDivided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			time.Sleep(4 * time.Second) // virtual, of the 5 that the route allows
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b", "c", "d"))
		w.expectState(4, "a", "b", "c", "d")
		w.expect("runs", w.ran(), "a", "b", "c" /* again */, "a", "b", "c", "d")
	})
}

func TestStuckHandlerIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		var text strings.Builder
		var late atomic.Bool
		w.store = w.newStore(db, tx.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			time.Sleep(time.Hour) // virtual
			_, err := tr.Conn().ExecContext(context.Background(), `INSERT INTO effect (event) VALUES ('late')`)
			late.Store(errors.Is(err, database.ErrOver) && errors.Is(tr.Publish(ctx, &note{typ: noted}), database.ErrOver))
			return nil
		}
		start := time.Now()
		w.applyAll(w.claim(), deliveries(0, "a"))
		if took := time.Since(start); took != w.route.Timeout+2*time.Second {
			t.Errorf("the batch went on after %v", took)
		}
		w.expect("told", w.told, "a abandoned, 1", "a retry 1")
		w.publish("k", "the writer is free meanwhile")
		time.Sleep(2 * time.Hour) // virtual
		w.expect("effects", w.column(`SELECT event FROM effect`))
		if !late.Load() {
			t.Error("the handler could use its transaction after it was given up")
		}
		if !strings.Contains(text.String(), "has not returned") || !strings.Contains(text.String(), "event_id=a") {
			t.Errorf("the log is %q", text.String())
		}
	})
}

func TestDayArithmetic(t *testing.T) {
	d := database.DayOf(time.Date(2024, 2, 28, 23, 59, 59, 0, time.FixedZone("", -3600)))
	if d != 20240229 || d.Next() != 20240301 || database.Day(20241231).Next() != 20250101 {
		t.Errorf("days are %d and %d", d, d.Next())
	}
}
