package tx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestBatchCommitsTogether(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		if c.Epoch != 1 || c.Next != driver.Earliest {
			t.Fatalf("first claim is %+v", c)
		}
		w.applyAll(c, deliveries(40, "a", "b", "c"))
		w.expectState(43, "a", "b", "c")
		w.expect("runs", w.ran(), "a", "b", "c")
		if c.Next != 43 {
			t.Errorf("claim is at %d after the batch, want 43", c.Next)
		}
		w.applyAll(c, deliveries(43, "d"))
		w.expectState(44, "a", "b", "c", "d")
	})
}

func TestClaimBeginsWhereTheRouteSays(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Latest = true
		c := w.claim()
		if c.Next != driver.Latest {
			t.Fatalf("next is %d, want Latest", c.Next)
		}
		if err := w.store.Move(t.Context(), c, 17); err != nil {
			t.Fatal(err)
		}
		w.applyAll(c, deliveries(17, "a"))
		if again := w.claim(); again.Next != 18 || again.Epoch != 2 {
			t.Errorf("second claim is %+v, want epoch 2 at 18", again)
		}
		if err := w.store.Move(t.Context(), c, 3); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("move under an old claim: %v, want ErrClaimLost", err)
		}
	})
}

// A member that has lost its partition to another process cannot know it, and
// cannot write: neither what is fresh, nor what is held.
func TestZombieCannotWrite(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.failing(errors.New("not now"), "b")
		zombie := w.claim()
		w.applyAll(zombie, deliveries(0, "a", "b"))
		w.handle = recordEffect
		other := w.newStore(w.again())
		owner, err := other.Claim(t.Context(), &w.route, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.apply(zombie, deliveries(2, "z"), 0); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("zombie got %v, want ErrClaimLost", err)
		}
		if err := w.tryRedeliver(zombie); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("zombie got %v for a held delivery, want ErrClaimLost", err)
		}
		w.expect("hold", w.held(), "b held 1")
		if n, err := other.Apply(t.Context(), &owner, deliveries(2, "c")); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.expectState(3, "a", "c")
	})
}

// A zombie whose fence held when it began is waited for, and what it does then
// counts.
func TestClaimWaitsForTheTransactionInFlight(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		first := w.claim()
		inside, goOn := make(chan struct{}), make(chan struct{})
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			close(inside)
			<-goOn
			return recordEffect(ctx, tr, m)
		}
		applied := make(chan error)
		go func() {
			_, err := w.store.Apply(t.Context(), first, deliveries(0, "a"))
			applied <- err
		}()
		<-inside
		other := w.newStore(w.again())
		claimed := make(chan bus.Claim)
		go func() {
			c, err := other.Claim(t.Context(), &w.route, 0)
			if err != nil {
				t.Error(err)
			}
			claimed <- c
		}()
		select {
		case c := <-claimed:
			t.Fatalf("claimed %+v while a transaction was in flight", c)
		case <-time.After(100 * time.Millisecond):
		}
		close(goOn)
		if err := <-applied; err != nil {
			t.Fatal(err)
		}
		if c := <-claimed; c.Next != 1 || c.Epoch != 2 {
			t.Errorf("claim is %+v, want epoch 2 at 1", c)
		}
		w.expectState(1, "a")
	})
}

func TestDuplicatesRunOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		w.applyAll(c, deliveries(0, "a", "b", "a", "a"))
		w.applyAll(c, deliveries(4, "b", "c"))
		same := deliveries(6, "another version of c")
		same[0].Event.Extensions = []event.Extension{{Name: event.ExtSameAs, Value: "c"}}
		w.applyAll(c, same)
		foreign := deliveries(7, "a")
		foreign[0].Event.Source = "/elsewhere"
		w.handle = func(context.Context, *tx.Tx, event.Message) error { return nil }
		w.applyAll(c, foreign)
		w.expectState(8, "a", "b", "c")
		w.expect("runs", w.ran(), "a", "b", "c", "a")
	})
}

// failing makes the handler fail for some events with err.
func (w *world) failing(err error, ids ...string) {
	w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
		if failed := recordEffect(ctx, tr, m); failed != nil {
			return failed
		}
		if slices.Contains(ids, bus.DeliveryFrom(ctx).Event.ID) {
			return err
		}
		return nil
	}
}

func TestFailureIsHeldAndTheOthersGoOn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		cause := bus.Park(errors.New("no such student"))
		w.failing(cause, "c")
		w.applyAll(c, deliveries(0, "a", "b", "c", "d"))
		if err := w.failure("c"); !errors.Is(err, cause) {
			t.Errorf("got %v, want the handler's own", err)
		}
		w.expectState(4, "a", "b", "d")
		w.expect("runs", w.ran(), "a", "b", "c" /* without c: */, "a", "b", "d")
		w.expect("hold", w.held(), "c parked 1")
	})
}

// A key that no attribute can hold is the fault of one handler, not of the
// database: those before it are committed.
func TestUnpublishableEventFailsItsDelivery(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		batch := deliveries(0, "a", "b", "c")
		batch[1].Message = &note{typ: consumed, key: "line\nbreak"}
		w.applyAll(c, batch)
		if err := w.failure("b"); !errors.Is(err, event.ErrInvalid) {
			t.Errorf("got %v, want an invalid event", err)
		}
		w.expectState(3, "a", "c")
	})
}

// Handlers may change what they are given: the next run gets the event anew.
func TestEveryRunGetsTheEventAsItCame(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		batch := deliveries(0, "a", "b")
		for _, d := range batch {
			text := d.Message.(*note).text
			d.Decode = func(_ context.Context, d *bus.Delivery) error {
				d.Message = &note{typ: consumed, key: "k", text: text}
				return nil
			}
		}
		failures := 1
		var seen []string
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := recordEffect(ctx, tr, m); err != nil {
				return err
			}
			seen = append(seen, m.(*note).text)
			m.(*note).text += " changed"
			if m.(*note).text == "b changed" && failures > 0 {
				failures--
				return errors.New("not now")
			}
			return nil
		}
		w.applyAll(c, batch)
		w.redeliver(c)
		w.expect("seen", seen, "a", "b", "a", "b")
	})
}

func TestSavepointsAreFew(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		ids := make([]string, 80)
		for i := range ids {
			ids[i] = fmt.Sprintf("%02d", i)
		}
		w.store.SetPace(time.Microsecond)
		w.failing(errors.New("no"), "02", "04", "06", "79")
		w.applyAll(c, deliveries(0, ids...))
		good := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains([]string{"02", "04", "06", "79"}, id) })
		w.expectState(80, good...)
		// Three failures are found by starting anew, the fourth in its
		// savepoint, in the third transaction of 32, 32 and 16.
		runs := append(slices.Clone(ids[:3]), "00", "01", "03", "04", "00", "01", "03", "05", "06")
		w.expect("runs", w.ran(), append(append(runs, good...), "79")...)
	})
}

func TestUndecodableDeliveryFailsAtItsPlace(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		batch := deliveries(0, "a", "b", "c")
		batch[1].Err, batch[1].Message = errors.New("truncated"), nil
		w.applyAll(c, batch)
		if err := w.failure("b"); !errors.Is(err, batch[1].Err) {
			t.Errorf("got %v", err)
		}
		w.expectState(3, "a", "c")
		w.expect("hold", w.held(), "b dead 1")
	})
}

func TestPanicIsAFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				panic("bug")
			}
			return recordEffect(ctx, tr, m)
		}
		var panicked *bus.PanicError
		w.applyAll(c, deliveries(0, "a", "b"))
		if err := w.failure("b"); !errors.As(err, &panicked) {
			t.Errorf("got %v, want the panic", err)
		}
		w.expectState(2, "a")
	})
}

// A statement that failed fails the delivery, whatever the handler makes of
// it: on PostgreSQL because the engine insists, on SQLite because we do.
func TestFailedStatementPoisons(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.exec(`INSERT INTO badge (name) VALUES ('ace')`)
		c := w.claim()
		var later error
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID != "b" {
				return recordEffect(ctx, tr, m)
			}
			_, _ = tr.Conn().ExecContext(ctx, `INSERT INTO badge (name) VALUES ('ace')`)
			later = tr.Publish(ctx, &note{typ: noted, key: "k", text: "b"})
			return nil
		}
		w.applyAll(c, deliveries(0, "a", "b", "c"))
		err := w.failure("b")
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "unique") {
			t.Errorf("the delivery failed with %v, want the constraint", err)
		}
		if later == nil {
			t.Error("a publish after the failed statement succeeded")
		}
		w.expectState(3, "a", "c")
	})
}

func TestHandlerCannotEndItsTransaction(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for _, statement := range []string{"COMMIT", " rollback;", "Savepoint x", "BEGIN"} {
			w.handle = func(ctx context.Context, tr *tx.Tx, _ event.Message) error {
				_, err := tr.Conn().ExecContext(ctx, statement)
				return err
			}
			c := w.claim()
			w.applyAll(c, deliveries(max(c.Next, 0), statement))
			if err := w.failure(statement); !strings.Contains(err.Error(), "cannot begin, end or split") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}

func TestConflictsRerunAtHalfTheSize(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() == "sqlite3" {
			t.Log("SQLite has one writer, so that its transactions cannot conflict; the same code runs on PostgreSQL")
			return
		}
		c := w.claim()
		w.store.SetPace(0)
		raised := 0
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "d" && raised < 2 {
				raised++
				_, err := tr.Conn().ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$`)
				return err
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(c, deliveries(0, "a", "b", "c", "d"))
		w.expectState(4, "a", "b", "c", "d")
		// Four; then two, which succeed; then the other two; then one and one.
		w.expect("runs", w.ran(), "a", "b", "c", "d", "a", "b", "c", "d", "c", "d")
	})
}

func TestDeadlockIsNoFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.exec(`INSERT INTO badge (name) VALUES ('x'), ('y')`)
		order := map[string][2]string{"a": {"x", "y"}, "b": {"y", "x"}}
		w.handle = func(ctx context.Context, tr *tx.Tx, _ event.Message) error {
			for _, name := range order[bus.DeliveryFrom(ctx).Event.ID] {
				if _, err := tr.Conn().ExecContext(ctx, `UPDATE badge SET awarded = awarded + 1 WHERE name = $1`, name); err != nil {
					return err
				}
			}
			return nil
		}
		errs := make(chan error)
		for p, id := range []string{"a", "b"} {
			go func() {
				c, err := w.store.Claim(t.Context(), &w.route, int32(p))
				for i := int64(0); err == nil && i < 30; i++ {
					batch := deliveries(i, id)
					batch[0].Event.Source = fmt.Sprint(i)
					_, err = w.store.Apply(t.Context(), &c, batch)
				}
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		w.expect("badges", w.column(`SELECT awarded FROM badge`), "60", "60")
	})
}

func TestTimeEndsTheTransaction(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Timeout = 50 * time.Millisecond
		w.store = w.newStore(w.db)
		c := w.claim()
		var late, published error
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				<-ctx.Done()
				_, late = tr.Conn().ExecContext(context.WithoutCancel(ctx), `INSERT INTO effect (event) VALUES ('late')`)
				published = tr.Publish(ctx, &note{typ: noted, key: "k", text: "late"})
				return nil
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(c, deliveries(0, "a", "b", "c"))
		err := w.failure("b")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if late == nil || published == nil {
			t.Errorf("use after the deadline: statement %v, publish %v; want errors", late, published)
		}
		w.expectState(3, "a", "c")
	})
}

// A statement that is running when the time is up is interrupted.
func TestTimeInterruptsAStatement(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Timeout = 100 * time.Millisecond
		w.store = w.newStore(w.db)
		c := w.claim()
		slow := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n`
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				rows, err := tr.Conn().QueryContext(context.Background(), slow)
				if err != nil {
					return err
				}
				return rows.Close()
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(c, deliveries(0, "a", "b"))
		_ = w.failure("b")
		w.expectState(2, "a")
	})
}

func TestTxIsOverAfterTheHandler(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		var kept *tx.Tx
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if kept != nil {
				if _, err := kept.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ('kept')`); !errors.Is(err, database.ErrOver) {
					t.Errorf("statement on an old Tx: %v, want ErrOver", err)
				}
			}
			kept = tr
			if !tx.InTx(ctx) {
				t.Error("the handler's context does not say that it is in a transaction")
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		if err := kept.Publish(t.Context(), &note{typ: noted}); !errors.Is(err, database.ErrOver) {
			t.Errorf("publish on an old Tx: %v, want ErrOver", err)
		}
		w.expectState(2, "a", "b")
	})
}

func TestLeakedRowsAreClosed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := recordEffect(ctx, tr, m); err != nil {
				return err
			}
			return leakRows(ctx, tr)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		w.expectState(2, "a", "b")
	})
}

func TestStatementWhileRowsAreOpenFails(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				if err := leakRows(ctx, tr); err != nil {
					return err
				}
			}
			return recordEffect(ctx, tr, m)
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		_ = w.failure("b")
		w.expectState(2, "a")
	})
}

// A query may fail after its first row, and the handler may not look.
func TestErrorAfterTheFirstRowPoisons(t *testing.T) {
	late := map[string]string{
		"sqlite3":  `WITH n(i) AS (VALUES (0), (1)) SELECT abs(-9223372036854775807 - i) FROM n`,
		"postgres": `SELECT 1 / (2 - i) FROM generate_series(1, 2) AS i`,
	}
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := recordEffect(ctx, tr, m); err != nil || bus.DeliveryFrom(ctx).Event.ID != "b" {
				return err
			}
			rows, err := tr.Conn().QueryContext(ctx, late[tr.Dialect()])
			if err != nil {
				t.Errorf("the query failed before its first row: %v", err)
				return err
			}
			for rows.Next() {
			}
			return nil
		}
		w.applyAll(w.claim(), deliveries(0, "a", "b", "c"))
		_ = w.failure("b")
		w.expectState(3, "a", "c")
	})
}

// leakRows reads one row of two and does not close them.
func leakRows(ctx context.Context, tr *tx.Tx) error {
	rows, err := tr.Conn().QueryContext(ctx, `SELECT 1 UNION ALL SELECT 2`)
	if err == nil {
		rows.Next()
	}
	return err
}

func TestShutdownIsNoFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		ctx, cancel := context.WithCancel(t.Context())
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		n, err := w.store.Apply(ctx, c, deliveries(0, "a", "b"))
		if n != 0 || !errors.Is(err, context.Canceled) || len(w.held()) != 0 {
			t.Errorf("got %d and %v, want the cancellation and nothing held", n, err)
		}
		w.handle = recordEffect
		w.applyAll(w.claim(), deliveries(0, "a", "b"))
		w.expectState(2, "a", "b")
	})
}

func TestTimeAndIdsOfADelivery(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			at := tr.Now()
			if at != tr.Now() || at.Location() != time.UTC || at != at.Truncate(time.Microsecond) || time.Since(at) > time.Minute {
				t.Errorf("now is %v", at)
			}
			if a, b := tr.NewID(), tr.NewID(); a >= b || len(a) != 36 || a[14] != '7' {
				t.Errorf("ids are %s and %s", a, b)
			}
			return nil
		}
		w.applyAll(w.claim(), deliveries(0, "a"))
	})
}
