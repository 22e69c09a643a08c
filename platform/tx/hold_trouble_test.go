package tx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestLimitsPauseThePartition(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.KeyLimit, w.route.HoldLimit = 3, 5
		w.store = w.newStore(w.db)
		w.fail(map[string][]error{"a": times(1, errLater), "e": times(2, errLater), "f": times(2, errLater), "g": times(2, errLater), "h": times(2, errLater), "i": times(2, errLater)})
		c := w.claim()
		paused := func(want error) {
			t.Helper()
			if plan, err := w.store.Plan(t.Context(), c); err != nil || !errors.Is(plan.Paused, want) || want != nil && plan.Next.IsZero() {
				t.Fatalf("the plan is %+v, %v; want paused by %v", plan, err, want)
			}
		}
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		paused(nil)
		w.applyAll(c, onKeys(deliveries(2, "c", "d"), "x", "x"))
		paused(bus.ErrHoldFull)
		if n, err := w.store.Apply(t.Context(), c, deliveries(4, "e")); n != 0 || !errors.Is(err, bus.ErrHoldFull) {
			t.Errorf("settled %d over the limit: %v", n, err)
		}
		c = w.claim()
		paused(bus.ErrHoldFull)
		w.redeliver(c)
		paused(nil)
		w.applyAll(c, deliveries(4, "e", "f", "g", "h", "i"))
		paused(bus.ErrHoldFull)
		w.redeliver(c)
		paused(bus.ErrHoldFull)
		w.redeliver(c)
		paused(nil)
		w.expect("hold", w.held())
	})
}

// When one delivery after the other fails, the rest stays with the broker.
func TestOutageStopsConsumption(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.store.SetPace(time.Microsecond)
		down := true
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if down && bus.DeliveryFrom(ctx).Event.ID != "00" {
				return errLater
			}
			return recordEffect(ctx, tr, m)
		}
		c := w.claim()
		ids, keys := make([]string, 60), make([]string, 60)
		for i := range ids {
			ids[i], keys[i] = fmt.Sprintf("%02d", i), fmt.Sprint("key", i/2)
		}
		batch := onKeys(deliveries(0, ids...), keys...)
		n, err := w.store.Apply(t.Context(), c, batch)
		if !errors.Is(err, bus.ErrOutage) || n != 39 || c.Next != 39 {
			t.Fatalf("settled %d up to %d: %v; want those of 20 keys", n, c.Next, err)
		}
		w.expect("effects", w.effects(), "00")
		for range 3 { // probes, which are no attempts
			w.redeliver(c)
		}
		if plan, err := w.store.Plan(t.Context(), c); !errors.Is(plan.Paused, bus.ErrOutage) || err != nil {
			t.Fatal(plan, err)
		}
		for _, row := range w.held() {
			if row[len(row)-6:] != "held 1" && row[len(row)-12:] != "held 0 waits" {
				t.Errorf("a probe counted: %s", row)
			}
		}
		if runs := len(w.ran()); runs > 70 {
			t.Errorf("%d runs of handlers during the outage", runs)
		}
		down = false
		w.redeliver(c)
		w.applyAll(c, batch[n:])
		slices.Sort(ids)
		effects := w.effects()
		slices.Sort(effects)
		w.expect("effects", effects, ids...)
	})
}

// When nothing that is held can tell whether an outage is over, one fresh
// delivery at a time does.
func TestOutageThatLeavesNothingToRetry(t *testing.T) {
	for name, policy := range map[string]bus.RetryPolicy{"late": {First: time.Minute, Max: time.Hour}, "once": {Attempts: 1}} {
		t.Run(name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, w *world) {
				w.route.Retry = policy
				w.store = w.newStore(w.db)
				down := true
				w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
					if err := recordEffect(ctx, tr, m); err != nil || !down {
						return err
					}
					return errLater
				}
				c := w.claim()
				ids := make([]string, 40)
				for i := range ids {
					ids[i] = fmt.Sprintf("%02d", i)
				}
				batch := onKeys(deliveries(0, ids...), ids...)
				apply := func(want int, outage bool) {
					t.Helper()
					n, err := w.store.Apply(t.Context(), c, batch)
					if n != want || errors.Is(err, bus.ErrOutage) != outage {
						t.Fatalf("settled %d, want %d; error %v", n, want, err)
					}
					batch = batch[n:]
				}
				probe := func() {
					t.Helper()
					if plan, err := w.store.Plan(t.Context(), c); !errors.Is(plan.Paused, bus.ErrOutage) || plan.Next.IsZero() || err != nil {
						t.Fatalf("not paused: %+v, %v", plan, err)
					}
					apply(0, true)
					w.store.LookAgain() // the time of the next probe has come
					if plan, err := w.store.Plan(t.Context(), c); plan.Paused != nil || err != nil {
						t.Fatalf("no probe: %+v, %v", plan, err)
					}
				}
				apply(20, true)
				probe()
				apply(1, true)
				probe()
				down = false
				apply(19, false)
				w.expect("effects", w.effects(), ids[21:]...)
			})
		})
	}
}

// Whatever a producer has put into a record, it can be held.
func TestStrangeRecordsCanBeHeld(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		strange := []func(r *driver.Record){
			func(r *driver.Record) { r.Time = time.UnixMilli(1 << 60) },
			func(r *driver.Record) { r.Time = time.UnixMilli(-1 << 60) },
			func(r *driver.Record) { r.Key = make([]byte, 1_000_000) },
			func(r *driver.Record) {
				for range 150_000 {
					r.Headers = append(r.Headers, event.Header{Key: "ab", Value: []byte("cde")})
				}
			},
		}
		ids := make([]string, len(strange))
		for i := range ids {
			ids[i] = fmt.Sprint(i)
		}
		w.handle = func(context.Context, *tx.Tx, event.Message) error { return bus.Reject(errLater) }
		batch := deliveries(0, ids...)
		for i, d := range batch {
			d.Record.Key = []byte(ids[i])
			strange[i](d.Record)
		}
		c := w.claim()
		w.applyAll(c, batch)
		b := newBroker()
		stop := w.relay(w.db, b)
		w.drained(w.db)
		stop()
		for _, r := range b.records {
			size := len(r.Key) + len(r.Value)
			for _, h := range r.Headers {
				size += len(h.Key) + len(h.Value) + 2
			}
			if size > 1_000_012 {
				t.Errorf("the copy of offset %s has %d bytes", header(r, "pl-offset"), size)
			}
		}
		w.handle = recordEffect
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("hold", w.held())
	})
}

// Neither rejections nor a handler that waits for a predecessor are an outage.
func TestWhatIsNoOutage(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for name, err := range map[string]error{"rejected": bus.Reject(errLater), "early": bus.RetryAfter(time.Hour, errLater)} {
			w.handle = func(context.Context, *tx.Tx, event.Message) error { return err }
			ids := make([]string, 50)
			for i := range ids {
				ids[i] = fmt.Sprint(name, i)
			}
			c := w.claim()
			w.applyAll(c, onKeys(deliveries(max(c.Next, 0), ids...), ids...))
		}
		if got := len(w.held()); got != 100 {
			t.Errorf("%d deliveries are held, want 100", got)
		}
	})
}

// A handler that ignores the end of its time is left behind; its delivery is
// held, and the others of its batch are applied.
func TestHandlersThatNeverReturn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Timeout = 50 * time.Millisecond
		w.store = w.newStore(w.db)
		release := make(chan struct{})
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := recordEffect(ctx, tr, m); err != nil {
				return err
			}
			if bus.DeliveryFrom(ctx).Event.ID == "b" {
				<-release
			}
			return nil
		}
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c"), "x", "y", "x"))
		close(release)
		w.expect("told", w.told, "b abandoned, 1", "b retry 1")
		w.expectState(3, "a", "c")
		w.redeliver(c)
		w.expectState(3, "a", "b", "c")
	})
}

func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		exits := 1
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if bus.DeliveryFrom(ctx).Event.ID == "b" && exits > 0 {
				exits--
				goexit()
			}
			return recordEffect(ctx, tr, m)
		}
		c := w.claim()
		w.applyAll(c, deliveries(0, "a", "b", "c"))
		w.expect("hold", w.held(), "b held 1")
		w.redeliver(c)
		w.expectState(3, "a", "b", "c")
	})
}

// A commit of unknown outcome is settled by claiming again, wherever it was.
func TestUnknownCommitOfHeldDeliveries(t *testing.T) {
	for _, applied := range []bool{true, false} {
		t.Run(fmt.Sprintf("applied=%v", applied), func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, w *world) {
				w.fail(map[string][]error{"a": times(2, errLater)})
				w.applyAll(w.claim(), deliveries(0, "first"))
				c := w.claim()
				w.loseCommits(applied)
				if err := w.apply(c, onKeys(deliveries(1, "a", "b"), "x", "x"), 0); !errors.Is(err, database.ErrCommitUnknown) {
					t.Fatalf("got %v, want ErrCommitUnknown", err)
				}
				c = w.claim()
				if rest := onKeys(deliveries(1, "a", "b"), "x", "x")[c.Next-1:]; len(rest) > 0 {
					w.applyAll(c, rest) // also when the lost commit was that of "a" alone
				}
				for range 3 {
					w.dueNow(c)
					w.loseCommits(applied)
					if err := w.runDue(c); err != nil && !errors.Is(err, database.ErrCommitUnknown) {
						t.Fatal(err)
					}
					w.loseCommits()
					c = w.claim()
				}
				w.redeliver(c)
				w.expect("effects", w.effects(), "first", "a", "b")
				w.expect("hold", w.held())
			})
		})
	}
}

// After a position was moved back by hand, what is held is seen again.
func TestPositionMovedBackOverHeldRecords(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"b": times(2, errLater)})
		all := func() []*bus.Delivery { return onKeys(deliveries(0, "a", "b", "c", "d"), "x", "x", "x", "y") }
		c := w.claim()
		w.applyAll(c, all())
		if _, err := tx.Reset(t.Context(), w.db, *c, 0, func(*database.Unit) error { return nil }); err != nil {
			t.Fatal(err)
		}
		c = w.claim()
		w.applyAll(c, all())
		if _, err := w.store.Plan(t.Context(), c); !errors.Is(err, bus.ErrClaimLost) {
			t.Errorf("the ledger was not given up: %v", err)
		}
		c = w.claim()
		w.redeliver(c)
		w.redeliver(c)
		w.expect("effects", w.effects(), "a", "d", "b", "c")
		w.expect("hold", w.held())
	})
}

// The broker has lost its records and gives their offsets to others: what is
// held of the lost ones goes on, in front of the new ones.
func TestOffsetsThatAreUsedAgain(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(2, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		if err := w.store.Move(t.Context(), c, 0); err != nil {
			t.Fatal(err)
		}
		w.applyAll(c, onKeys(deliveries(0, "c", "d"), "x", "y"))
		w.redeliver(c)
		w.redeliver(c)
		w.expect("effects", w.effects(), "d", "a", "b", "c")
		w.expect("hold", w.held())
	})
}

// One key has half of all events and its first one fails: it is queued and
// drained in order, and the others flow.
func TestHotKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"000": times(1, errLater)})
		c := w.claim()
		var hot []string
		for from := 0; from < 600; from += 100 {
			ids, keys := make([]string, 100), make([]string, 100)
			for i := range ids {
				ids[i], keys[i] = fmt.Sprintf("%03d", from+i), fmt.Sprint("cold", i)
				if i%2 == 0 {
					keys[i] = "hot"
					hot = append(hot, ids[i])
				}
			}
			w.applyAll(c, onKeys(deliveries(int64(from), ids...), keys...))
		}
		if got := len(w.effects()); got != 300 {
			t.Errorf("%d effects of other keys, want 300", got)
		}
		w.redeliver(c)
		w.expect("effects", w.effects()[300:], hot...)
	})
}

// A record without a value is dead, and kept as one without a value.
func TestTombstoneIsDead(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		batch := onKeys([]*bus.Delivery{{Consumer: consumerName, Attempt: 1, Err: errors.New("no value"),
			Record: &driver.Record{Topic: consumed.Topic, Time: day0}}}, "x")
		w.applyAll(w.claim(), batch)
		rows, err := hold.List(t.Context(), w.db, hold.Filter{}, hold.Page{Whole: true})
		if err != nil || len(rows) != 1 || rows[0].Value != nil || rows[0].State != hold.Dead {
			t.Errorf("the hold has %+v, %v", rows, err)
		}
	})
}
