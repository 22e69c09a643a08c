package tx_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A redriven delivery has one attempt; after five of them it is parked.
func TestRedrivesAreFew(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": append([]error{bus.Reject(errLater)}, times(6, errLater)...)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		redrive := func(want string) {
			t.Helper()
			if n, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			w.redeliver(c)
			w.expect("hold", w.held()[:1], want)
		}
		for i := range 4 {
			redrive(fmt.Sprintf("a dead %d", i+2))
		}
		redrive("a parked 6")
		redrive("a parked 7")
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "a", "b")
	})
}

func TestDroppedEventsAreNeverApplied(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {bus.Reject(errLater)}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "a"), "x", "x", "x"))
		if n, err := hold.Drop(t.Context(), w.db, hold.Selection{Limit: 1}, operator); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.redeliver(c)
		w.applyAll(c, onKeys(deliveries(3, "a", "c"), "x", "x"))
		w.expect("effects", w.effects(), "b", "c")
		w.expect("hold", w.held())
		w.expect("audit", w.column(`SELECT action FROM pl_hold_audit ORDER BY seq`), "drop", "dropped")
		w.expect("told", w.told, "a dead 1", "b queued", "a queued", "a dropped", "b applied", "a duplicate")
	})
}

func TestDuplicatesOfHeldEvents(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(1, errLater), "b": times(1, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "a"), "x", "-", "x"))
		w.applyAll(c, deliveries(3, "b")) // without a key nothing waits
		w.redeliver(c)
		w.expect("effects", w.effects(), "b", "a")
		w.expect("hold", w.held())
	})
}

// What a person parks stays where it is, with what waits behind it.
func TestParkedSuccessorStopsItsKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(1, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c", "d"), "x", "x", "x", "x"))
		row := func(event string) hold.Selection {
			t.Helper()
			rows, err := hold.List(t.Context(), w.db, hold.Filter{EventID: event}, hold.Page{})
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			return hold.Selection{Rows: []hold.Seen{{ID: rows[0].ID, Version: rows[0].Version}}}
		}
		if n, err := hold.Park(t.Context(), w.db, row("c"), operator); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.redeliver(c)
		w.expect("hold", w.held(), "c parked 0", "d held 0 waits")
		w.applyAll(c, onKeys(deliveries(4, "e"), "x"))
		w.expect("effects", w.effects(), "a", "b")
		// It is redriven while another one is in front of it.
		if n, err := hold.Redrive(t.Context(), w.db, row("c"), operator); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "a", "b", "c", "d", "e")
	})
}

// A row that is redriven before its turn waits for it.
func TestRedriveBeforeItsTurn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {bus.Reject(errLater)}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c"), "x", "x", "x"))
		if _, err := hold.Park(t.Context(), w.db, hold.Selection{Filter: hold.Filter{EventID: "b"}, Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Filter: hold.Filter{EventID: "b"}, Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("hold", w.held(), "a dead 1", "b held 0 waits", "c held 0 waits")
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "a", "b", "c")
	})
}

// The owner runs a row while a person decides about it: what the person has
// decided counts, and nothing of the run does.
func TestPersonIsFasterThanTheOwner(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(1, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		w.exec(`UPDATE pl_hold SET next_at = $1 WHERE next_at > $1`, database.Now())
		w.store.LookAgain()
		plan, err := w.store.Plan(t.Context(), c)
		if err != nil || len(plan.Due) != 2 {
			t.Fatal(plan, err)
		}
		for _, d := range plan.Due {
			w.decode(d)
		}
		if n, err := hold.Drop(t.Context(), w.db, hold.Selection{Limit: 1}, operator); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if err := w.store.Redeliver(t.Context(), c, plan.Due); err != nil {
			t.Fatal(err)
		}
		w.expect("hold", w.held(), "a dropped 1", "b held 0 waits")
		w.expect("effects", w.effects())
		w.redeliver(c)
		w.expect("effects", w.effects(), "b")
	})
}

// People redrive, park and drop at the same time as the owner runs what they
// change: every event is applied once or dropped, never both.
func TestPeopleAndTheOwnerAtTheSameTime(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			if err := recordEffect(ctx, tr, m); err != nil {
				return err
			}
			if d := bus.DeliveryFrom(ctx); rand.IntN(3) == 0 || d.Attempt == 1 {
				return bus.Reject(errLater)
			}
			return nil
		}
		c := w.claim()
		ids, keys := make([]string, 90), make([]string, 90)
		for i := range ids {
			ids[i], keys[i] = fmt.Sprintf("%02d", i), fmt.Sprint(i%30)
		}
		w.applyAll(c, onKeys(deliveries(0, ids...), keys...))
		var people sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			people.Go(func() {
				for range 60 {
					w.meddle(t.Context())
				}
			})
		}
		go func() { people.Wait(); close(done) }()
		for working := true; working; {
			select {
			case <-done:
				working = false
			default:
			}
			if err := w.tryRedeliver(c); err != nil {
				t.Error(err)
			}
		}
		for range 100 {
			if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 1000}, operator); err != nil {
				t.Fatal(err)
			}
			w.redeliver(c)
		}
		w.expect("hold", w.held())
		settled := append(w.column(`SELECT event FROM effect`), w.column(`SELECT event_id FROM pl_hold_audit WHERE action = 'dropped'`)...)
		slices.Sort(settled)
		w.expect("applied or dropped", settled, ids...)
	})
}

// meddle changes a few rows as they were seen.
func (w *world) meddle(ctx context.Context) {
	rows, err := hold.List(ctx, w.db, hold.Filter{}, hold.Page{Limit: 100})
	if err != nil || len(rows) == 0 {
		return
	}
	var s hold.Selection
	for range 3 {
		r := rows[rand.IntN(len(rows))]
		s.Rows = append(s.Rows, hold.Seen{ID: r.ID, Version: r.Version})
	}
	act := hold.Redrive
	switch rand.IntN(20) {
	case 0:
		act = hold.Drop
	case 1, 2:
		act = hold.Park
	}
	if _, err := act(ctx, w.db, s, operator); err != nil && ctx.Err() == nil && w.db.Classify(err) != database.Conflict {
		w.t.Error(err)
	}
}
