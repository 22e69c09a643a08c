package tx_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
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
