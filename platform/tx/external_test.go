package tx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func goexit() { runtime.Goexit() }

// A post office keeps the letters that an external handler has sent.
type postOffice struct {
	w    *world
	mu   sync.Mutex
	sent []string // event ids, by the time of sending
	keys map[string][]string
	send func(ctx context.Context, c *tx.Call, id string) error
}

func (w *world) external() *postOffice {
	p := &postOffice{w: w, keys: map[string][]string{}}
	w.store = tx.NewStore(w.db, tx.Service{
		Context: "notes", Publishes: []*event.Type{noted},
		Consumers: []tx.Consumer{{Route: w.route, External: p.handle}},
	}, tx.WithHooks(&w.diary), tx.WithLogger(slog.New(slog.DiscardHandler)))
	return p
}

func (p *postOffice) handle(ctx context.Context, c *tx.Call, m event.Message) error {
	id := bus.DeliveryFrom(ctx).Event.ID
	if tx.InTx(ctx) {
		p.w.t.Error("an external handler runs in a transaction")
	}
	p.mu.Lock()
	p.sent = append(p.sent, id)
	p.keys[id] = append(p.keys[id], c.Key())
	send := p.send
	p.mu.Unlock()
	if send != nil {
		if err := send(ctx, c, id); err != nil {
			return err
		}
	}
	c.Then(func(ctx context.Context, t *tx.Tx) error { return recordEffect(ctx, t, m) })
	return nil
}

// runs returns how often the handler has run for an event.
func (p *postOffice) runs(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.keys[id])
}

func (p *postOffice) letters() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	letters := slices.Clone(p.sent)
	slices.Sort(letters)
	return letters
}

func TestExternalEffectsHappenOnceAndInOrder(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		p := w.external()
		p.send = func(context.Context, *tx.Call, string) error { time.Sleep(time.Millisecond); return nil }
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a1", "b1", "a2", "a1", "c1", "b2"), "a", "b", "a", "a", "-", "b"))
		w.applyAll(c, onKeys(deliveries(6, "a2", "b3"), "a", "b"))
		w.expect("letters", p.letters(), "a1", "a2", "b1", "b2", "b3", "c1")
		for _, key := range "ab" {
			var of []string
			for _, id := range p.sent {
				if rune(id[0]) == key {
					of = append(of, id)
				}
			}
			if !slices.IsSorted(of) {
				t.Errorf("letters of key %c went out as %q", key, of)
			}
		}
		w.expectState(8, "a1", "a2", "b1", "b2", "b3", "c1")
		if p.keys["a1"][0] == p.keys["a2"][0] || len(p.keys["a1"][0]) != 32 {
			t.Errorf("idempotency keys are %q", p.keys)
		}
	})
}

func TestFailedExternalEffectsAreHeld(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		p := w.external()
		failures := 2
		p.send = func(_ context.Context, _ *tx.Call, id string) error {
			if id == "a1" && failures > 0 {
				failures--
				return errLater
			}
			return nil
		}
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a1", "b1", "a2"), "a", "b", "a"))
		w.expect("letters", p.letters(), "a1", "b1")
		w.expect("hold", w.held(), "a1 held 1", "a2 held 0 waits")
		w.redeliver(c)
		w.redeliver(c)
		w.expect("effects", w.effects(), "b1", "a1", "a2")
		w.expect("sent", p.sent[2:], "a1", "a1", "a2")
		if keys := p.keys["a1"]; keys[0] != keys[1] || keys[1] != keys[2] {
			t.Errorf("the key of the effect changes: %q", keys)
		}
	})
}

// Then is part of the delivery: when it fails the delivery is held, and others
// are settled without being called again.
func TestFailureAfterTheEffect(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		p := w.external()
		p.send = func(_ context.Context, c *tx.Call, id string) error {
			if id == "b" && p.runs("b") == 1 {
				c.Then(func(ctx context.Context, t *tx.Tx) error {
					_, _ = t.Conn().ExecContext(ctx, `INSERT INTO nowhere VALUES (1)`)
					return nil
				})
			}
			return nil
		}
		c := w.claim()
		w.applyAll(c, deliveries(0, "a", "b", "c"))
		w.expect("letters", p.letters(), "a", "b", "c")
		w.expect("hold", w.held(), "b held 1")
		w.expectState(3, "a", "c")
		w.redeliver(c)
		w.expectState(3, "a", "b", "c")
	})
}

func TestExternalHandlersUnderSkip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.SkipDead = true
		p := w.external()
		p.send = func(_ context.Context, _ *tx.Call, id string) error {
			if id == "a1" && p.runs("a1") == 1 {
				return bus.Reject(errLater)
			}
			return nil
		}
		c := w.claim()
		w.applyAll(c, onKeys(deliveries(0, "a1", "a2", "a3"), "a", "a", "a"))
		w.expect("sent", p.sent, "a1", "a2", "a3")
		w.expect("hold", w.held(), "a1 dead 1")
		if _, err := hold.Redrive(t.Context(), w.db, hold.Selection{Limit: 1}, operator); err != nil {
			t.Fatal(err)
		}
		w.redeliver(c)
		w.expect("effects", w.effects(), "a2", "a3", "a1")
	})
}

func TestExternalHandlersThatPanicOrNeverReturn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.route.Timeout = 50 * time.Millisecond
		p := w.external()
		release := make(chan struct{})
		defer close(release)
		p.send = func(ctx context.Context, c *tx.Call, id string) error {
			switch id {
			case "deaf":
				<-release
			case "panics":
				panic("bug")
			case "exits":
				runtime.Goexit()
			case "slow":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		w.applyAll(w.claim(), deliveries(0, "a", "deaf", "panics", "exits", "slow", "b"))
		w.expectState(6, "a", "b")
		w.expect("hold", w.held(), "deaf held 1", "panics held 1", "exits held 1", "slow held 1")
		if !slices.Contains(w.told, "deaf abandoned, 1") {
			t.Errorf("nobody was told: %q", w.told)
		}
	})
}

func TestExternalShutdownIsNoFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		p := w.external()
		c := w.claim()
		ctx, cancel := context.WithCancel(t.Context())
		p.send = func(ctx context.Context, _ *tx.Call, _ string) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		if n, err := w.store.Apply(ctx, c, deliveries(0, "a", "b")); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %d and %v, want the cancellation", n, err)
		}
		w.expect("hold", w.held())
	})
}

func TestOutageOfAnExternalService(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		p := w.external()
		w.store.SetPace(time.Microsecond)
		down := true
		p.send = func(context.Context, *tx.Call, string) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if down {
				return errLater
			}
			return nil
		}
		ids := make([]string, 100)
		for i := range ids {
			ids[i] = fmt.Sprintf("%02d", i)
		}
		c := w.claim()
		n, err := w.store.Apply(t.Context(), c, onKeys(deliveries(0, ids...), ids...))
		if n < 20 || n > 32 || !errors.Is(err, bus.ErrOutage) {
			t.Fatalf("settled %d: %v", n, err)
		}
		p.mu.Lock()
		down = false
		p.mu.Unlock()
		w.redeliver(c)
		w.applyAll(c, onKeys(deliveries(int64(n), ids[n:]...), ids[n:]...))
		w.expectState(100, ids...)
	})
}
