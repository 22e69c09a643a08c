package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// diary implements every hook.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

func (d *diary) Assigned(c bus.Claim)             { d.write("assigned %d at %d", c.Partition, c.Next) }
func (d *diary) Revoked(p bus.Position)           { d.write("revoked %d", p.Partition) }
func (d *diary) Paused(p bus.Position, why error) { d.write("paused %d: %v", p.Partition, why) }
func (d *diary) Resumed(p bus.Position)           { d.write("resumed %d", p.Partition) }
func (d *diary) Failed(x *bus.Delivery, f bus.Failure) {
	d.write("failed %s: %s %v", x.Event.ID, f.Outcome, f.Err)
}
func (d *diary) Queued(x *bus.Delivery) { d.write("queued %s", x.Event.ID) }
func (d *diary) Released(x *bus.Delivery, why bus.Release) {
	d.write("released %s: %s", x.Event.ID, why)
}
func (d *diary) Abandoned(x *bus.Delivery, stuck int) { d.write("abandoned %s, %d", x.Event.ID, stuck) }

func (d *diary) BatchApplied(p bus.Position, done int, took time.Duration) {
	d.write("applied %d to %s in %v", done, p, took)
}

func TestRouterCallsHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, store, log := newFakeTopic(), newFakeStore(), &diary{}
		store.handle = func(_ context.Context, d *bus.Delivery) error {
			time.Sleep(time.Millisecond)
			return nil
		}
		conn := topic.connect()
		router, err := bus.NewRouter(bus.Config{
			Group: "g", Conn: conn, Store: store, Decoder: &fakeDecoder{}, Routes: []bus.Route{route()},
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Hooks: bus.Hooks{struct{}{}, log},
		})
		if err != nil {
			t.Fatal(err)
		}
		go router.Run(context.Background())
		topic.add(0, 1)
		conn.assign(0)
		time.Sleep(time.Second)
		store.pause(bus.ErrOutage)
		topic.add(0, 1)
		time.Sleep(time.Second)
		if err := router.Close(context.Background()); err != nil {
			t.Error(err)
		}
		want := []string{
			"assigned 0 at 0", "applied 1 to achievement.OnQuizCompleted pl.quiz.quiz_completed.v1/0 in 1ms",
			"paused 0: " + bus.ErrOutage.Error(), "resumed 0", "revoked 0",
		}
		if !slices.Equal(log.entries, want) {
			t.Errorf("hooks heard %q, want %q", log.entries, want)
		}
	})
}

// What a store tells goes to every hook that wants to hear it.
func TestStoresCallHooks(t *testing.T) {
	log := &diary{}
	hooks := bus.Hooks{struct{}{}, log}
	d := &bus.Delivery{Event: event.Envelope{ID: "a"}}
	hooks.Failed(d, bus.Failure{Err: io.EOF, Outcome: bus.Dead})
	hooks.Queued(d)
	hooks.Released(d, bus.Dropped)
	hooks.Abandoned(d, 3)
	want := []string{"failed a: dead EOF", "queued a", "released a: dropped", "abandoned a, 3"}
	if !slices.Equal(log.entries, want) {
		t.Errorf("hooks heard %q, want %q", log.entries, want)
	}
}

type span struct {
	name string
	log  *[]string
}

type spanKey struct{}

func (s span) DeliveryStarted(ctx context.Context, d *bus.Delivery) (context.Context, func(error)) {
	*s.log = append(*s.log, s.name+" starts")
	return context.WithValue(ctx, spanKey{}, s.name), func(err error) {
		*s.log = append(*s.log, fmt.Sprintf("%s ends: %v", s.name, err))
	}
}

func TestDeliveryHooksNest(t *testing.T) {
	var log []string
	hooks := bus.Hooks{span{"outer", &log}, span{"inner", &log}}
	ctx, end := hooks.StartDelivery(t.Context(), &bus.Delivery{})
	log = append(log, fmt.Sprint("handler under ", ctx.Value(spanKey{})))
	end(errors.New("failed"))
	want := []string{"outer starts", "inner starts", "handler under inner", "inner ends: failed", "outer ends: failed"}
	if !slices.Equal(log, want) {
		t.Errorf("got %q, want %q", log, want)
	}
}

func TestContain(t *testing.T) {
	if err := bus.Contain(func() error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("an error became %v", err)
	}
	var p *bus.PanicError
	err := bus.Contain(func() error { panic(fmt.Errorf("wrapped: %w", io.EOF)) })
	if !errors.As(err, &p) || !errors.Is(err, io.EOF) || !strings.Contains(string(p.Stack), "hook_test.go") {
		t.Errorf("a panic with an error became %v", err)
	}
}

func TestOutcomeOf(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err   error
		want  bus.Outcome
		delay time.Duration
	}{
		{cause, bus.Retry, 0},
		{bus.RetryAfter(time.Minute, cause), bus.Retry, time.Minute},
		{bus.Reject(cause), bus.Dead, 0},
		{bus.Park(cause), bus.Parked, 0},
		{fmt.Errorf("award: %w", bus.Reject(cause)), bus.Dead, 0},
		{bus.Park(bus.Reject(cause)), bus.Parked, 0},
		{bus.Reject(nil), bus.Dead, 0},
	} {
		outcome, delay := bus.OutcomeOf(c.err)
		if outcome != c.want || delay != c.delay {
			t.Errorf("%v: outcome %v after %v, want %v after %v", c.err, outcome, delay, c.want, c.delay)
		}
	}
	if !errors.Is(bus.Reject(cause), cause) {
		t.Error("the cause is hidden")
	}
}
