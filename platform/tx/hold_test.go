package tx_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// fail makes the next runs of events fail, each with the first error that is
// left.
func (w *world) fail(errs map[string][]error) {
	w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
		if err := recordEffect(ctx, tr, m); err != nil {
			return err
		}
		id := bus.DeliveryFrom(ctx).Event.ID
		if len(errs[id]) == 0 {
			return nil
		}
		err := errs[id][0]
		errs[id] = errs[id][1:]
		return err
	}
}

var (
	errLater = errors.New("not now")
	operator = hold.Author{Actor: "ada", Reason: "the fix is out"}
)

func times(n int, err error) []error { return slices.Repeat([]error{err}, n) }

// effects returns the published events in the order of their sequence, which
// is that of their transactions.
func (w *world) effects() []string {
	published := []string{}
	for _, data := range w.column(`SELECT data FROM pl_outbox WHERE headers IS NULL ORDER BY seq`) {
		published = append(published, data[1:])
	}
	return published
}

func TestKeyKeepsItsOrder(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(2, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c", "d"), "x", "y", "x", "-"))
		w.expect("effects", w.effects(), "b", "d")
		w.expect("hold", w.held(), "a held 1", "c held 0 waits")
		w.applyAll(c, onKeys(deliveries(4, "e", "f"), "x", "y"))
		w.redeliver(c)
		w.expect("hold", w.held(), "a held 2", "c held 0 waits", "e held 0 waits")
		c = w.claim() // another member, or this one after a restart
		w.applyAll(c, onKeys(deliveries(6, "g"), "x"))
		w.redeliver(c)
		w.expect("effects", w.effects(), "b", "d", "f", "a", "c", "e", "g")
		w.expect("hold", w.held())
		w.applyAll(c, onKeys(deliveries(7, "h"), "x"))
		w.expect("effects", w.effects(), "b", "d", "f", "a", "c", "e", "g", "h")
		w.expect("told", w.told, "a retry 1", "c queued", "e queued", "a retry 2", "g queued", "a applied", "c applied", "e applied", "g applied")
	})
}

// A successor that fails stops those behind it, and nobody else.
func TestSuccessorsFailInTheirTurn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.store.SetPace(time.Hour) // on SQLite a transaction each
		w.fail(map[string][]error{"a": times(1, errLater), "c": {bus.Reject(errLater)}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c", "d", "e"), "x", "x", "x", "x", "y"))
		w.redeliver(c)
		w.expect("effects", w.effects(), "e", "a", "b")
		w.expect("hold", w.held(), "c dead 1", "d held 0 waits")
		if n, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "e", "a", "b", "c", "d")
		w.expect("hold", w.held())
	})
}

func TestEmptyKeyIsAKeyAndNoKeyBlocksNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": times(9, errLater), "b": times(9, errLater)})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b", "c", "d"), "", "-", "", "-"))
		w.expect("hold", w.held(), "a held 1", "b held 1", "c held 0 waits")
		w.applyAll(w.claim(), onKeys(deliveries(4, "e", "f"), "", "-"))
		w.expect("effects", w.effects(), "d", "f")
	})
}

func TestAttemptsEndInADeadLetter(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Retry = bus.RetryPolicy{Attempts: 3, First: time.Second, Max: time.Hour}
		w.store = w.newStore(w.db)
		w.fail(map[string][]error{"a": times(3, errLater)})
		var attempts []int
		handle := w.handle
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			attempts = append(attempts, bus.DeliveryFrom(ctx).Attempt)
			return handle(ctx, tr, m)
		}
		c := w.claim()
		batch := onKeys(deliveries(0, "a", "b"), "x", "x")
		batch[0].Record.Value = []byte{0, 1, 0xff}
		batch[0].Record.Headers = []event.Header{{Key: "ce_id", Value: []byte("a")}, {Key: "odd", Value: nil}}
		w.applyAll(c, batch)
		if next := w.failures["a"].Next; time.Until(next) < 500*time.Millisecond || time.Until(next) > 1100*time.Millisecond {
			t.Errorf("the second attempt is at %v", next)
		}
		w.redeliver(c)
		if next := w.failures["a"].Next; time.Until(next) < time.Second || time.Until(next) > 2200*time.Millisecond {
			t.Errorf("the third attempt is at %v", next)
		}
		w.redeliver(c)
		w.expect("hold", w.held(), "a dead 3", "b held 0 waits")
		w.expect("attempts", texts(attempts), "1", "2", "3")
		w.redeliver(c)
		w.expect("effects", w.effects())
		b := newBroker()
		stop := w.relay(w.db, b)
		w.drained(w.db)
		stop()
		r := b.records[0]
		if r.Topic != consumed.Topic+".notes.dlq" || string(r.Key) != "x" || string(r.Value) != "\x00\x01\xff" || r.Headers[0].Key != "ce_id" || r.Headers[1].Value != nil {
			t.Errorf("the copy is %+v", r)
		}
		for name, want := range map[string]string{"pl-cause": "not now", "pl-consumer": consumerName, "pl-partition": "0", "pl-offset": "0", "pl-attempts": "3"} {
			if got := header(r, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if at, err := time.Parse(time.RFC3339Nano, header(r, "pl-failed-at")); err != nil || time.Since(at) > time.Minute {
			t.Errorf("failed at %v, %v", at, err)
		}
	})
}

func texts(n []int) (s []string) {
	for _, i := range n {
		s = append(s, strconv.Itoa(i))
	}
	return s
}

// A record that is nearly as large as brokers take still has a copy that they
// take.
func TestCopyOfALargeRecord(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.fail(map[string][]error{"a": {bus.Reject(errLater)}})
		batch := deliveries(0, "a")
		batch[0].Record.Value = make([]byte, 1_000_000)
		w.applyAll(w.claim(), batch)
		b := newBroker()
		stop := w.relay(w.db, b)
		w.drained(w.db)
		stop()
		if r := b.records[0]; r.Value != nil || header(r, "pl-omitted") == "" {
			t.Errorf("the copy has %d bytes; headers %q", len(r.Value), r.Headers)
		}
		w.expect("size", w.column(`SELECT length(value) FROM pl_hold`), "1000000")
	})
}

func TestUndecodableRecordsBlockTheirKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		c := w.claim()
		batch := onKeys(deliveries(0, "a", "b", "c"), "x", "x", "y")
		batch[0].Err, batch[0].Message, batch[0].Event = errors.New("bad magic byte 7"), nil, event.Envelope{}
		batch[0].Record.Value = []byte("broken")
		w.applyAll(c, batch)
		w.expect("hold", w.held(), " dead 1", "b held 0 waits")
		w.expect("effects", w.effects(), "c")
		w.expect("signature", w.column(`SELECT signature FROM pl_hold WHERE state = 'dead'`), "bad magic byte 0")
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("hold", w.held(), " dead 2", "b held 0 waits")
		if _, err := hold.Drop(t.Context(), w.db, hold.Selection{Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "c", "b")
		w.expect("inbox", w.column(`SELECT count(*) FROM pl_inbox`), "2")
	})
}

// A handler that fails before it has touched its transaction costs the others
// of its batch nothing.
func TestEarlyFailuresCostNoRerun(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		fails := true
		w.handle = func(ctx context.Context, tr *tx.Tx, m event.Message) error {
			switch id := bus.DeliveryFrom(ctx).Event.ID; {
			case id == "panics" && fails:
				panic("bug")
			case id == "publishes" && fails:
				return errors.Join(tr.Publish(ctx, &note{typ: noted, key: "k", text: id}), errLater)
			case id == "rejects" && fails:
				return bus.Reject(errLater)
			}
			return recordEffect(ctx, tr, m)
		}
		c := w.claim()
		batch := onKeys(deliveries(0, "a", "panics", "b", "publishes", "c", "rejects", "rejects", "d"), "-", "x", "x", "y", "y", "-", "-", "z")
		w.applyAll(c, batch)
		w.expect("runs", w.ran(), "a", "panics", "publishes", "rejects", "d")
		w.expect("effects", w.effects(), "a", "d")
		w.expect("inbox", w.column(`SELECT count(*) FROM pl_inbox`), "2")
		w.expect("hold", w.held(), "panics held 1", "b held 0 waits", "publishes held 1", "c held 0 waits", "rejects dead 1")
		fails = false
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		effects := w.effects()
		slices.Sort(effects)
		w.expect("effects", effects, "a", "b", "c", "d", "panics", "publishes", "rejects")
		w.expect("inbox", w.column(`SELECT count(*) FROM pl_inbox`), "7")
	})
}

func TestSkipLetsLaterRecordsGoOn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.SkipDead = true
		w.store = w.newStore(w.db)
		w.fail(map[string][]error{"a": {errLater, bus.Reject(errLater)}, "d": {bus.Reject(errLater)}})
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a", "b"), "x", "x"))
		w.expect("hold", w.held(), "a held 1", "b held 0 waits")
		w.redeliver(c)
		w.expect("hold", w.held(), "a dead 2")
		w.applyAll(c, onKeys(deliveries(2, "c", "d", "e"), "x", "x", "x"))
		w.expect("effects", w.effects(), "b", "c", "e")
		if n, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 10}, operator); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		w.applyAll(w.claim(), onKeys(deliveries(5, "f"), "x"))
		w.expect("effects", w.effects(), "b", "c", "e", "f")
		w.redeliver(w.claim())
		w.expect("effects", w.effects()[:4], "b", "c", "e", "f")
		w.expect("hold", w.held())
	})
}

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
