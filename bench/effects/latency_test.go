package effects

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

var (
	rate = flag.Int("rate", 2000, "events a second in TestLatency")
	span = flag.Duration("for", 3*time.Second, "how long TestLatency publishes")
)

// commandsPerSecond is in how many commands the events of a second are
// published.
const commandsPerSecond = 200

// warmth is how many events are handled before those that count: enough to
// open every connection, few enough to leave the database nothing to clean up.
const warmth = 1000

// TestLatency publishes at a steady rate from one context and takes the time
// from the commit of each event to the handler of another context, which does
// an insert and publishes an event: through outbox, relay, broker and router.
func TestLatency(t *testing.T) {
	r := newRun(t, "postgres", load{size: warmth})
	taken := &latencies{}
	r.watch = taken
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := service.Start(ctx, r.app(), r.cfg, r.engines, nil)
	r.must("start", err)
	r.must("ready", p.AwaitReady(ctx))
	r.await(ctx, func() bool { return taken.count() >= warmth }) // what newRun has published
	taken.forget()

	store := r.publisher(ctx)
	began, sent := time.Now(), 0
	for n := range int(span.Seconds() * commandsPerSecond) {
		due := began.Add(time.Duration(n) * time.Second / commandsPerSecond)
		time.Sleep(time.Until(due))
		sent += r.award(ctx, store, n)
	}
	r.await(ctx, func() bool { return taken.count() >= sent })
	r.must("drain", p.Drain(context.WithoutCancel(ctx)))
	t.Logf("report: latency postgres, %d events/s for %s, commit to handler: %s", *rate, *span, taken)
}

// publisher returns a store with a relay, in a database of its own.
func (r *run) publisher(ctx context.Context) *tx.Store {
	db, err := postgres.Open(ctx, pgtest.URL(r.T))
	r.must("open the publisher's database", err)
	r.must("migrate it", db.Migrate(ctx, nil))
	log := slog.New(slog.DiscardHandler)
	relay := outbox.NewRelay(db, r.conn, oneID{r}, outbox.WithLogger(log))
	relaying, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = relay.Run(relaying) })
	r.Cleanup(func() { stop(); done.Wait(); _ = db.Close() })
	return tx.NewStore(db, tx.Service{Context: "achievement", Publishes: []*event.Type{achievementv1event.BadgeAwardedType}}, tx.WithLogger(log))
}

type oneID struct{ r *run }

func (o oneID) SchemaID(_ context.Context, fingerprint uint64, _, _ string) (int, error) {
	id, ok := o.r.ids.ID(fingerprint)
	if !ok {
		return 0, fmt.Errorf("schema %x is not registered", fingerprint)
	}
	return int(id), nil
}

// award publishes the events of one command.
func (r *run) award(ctx context.Context, store *tx.Store, n int) int {
	size := max(*rate/commandsPerSecond, 1)
	badges := make([]event.Message, size)
	for i := range badges {
		badges[i] = badge(fmt.Sprintf("student-%d", (n*size+i)%5000))
	}
	_, _, err := store.Command(ctx, tx.Command{Method: "award"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		return nil, t.Publish(ctx, badges...)
	})
	r.must("publish", err)
	return size
}

func (r *run) await(ctx context.Context, done func() bool) {
	r.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !done() {
		if ctx.Err() != nil || time.Now().After(deadline) {
			r.Fatal("the events have not come")
		}
		time.Sleep(time.Millisecond)
	}
}

// latencies are the times from commit to handler.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

// handled is called by the handler.
func (l *latencies) handled(ctx context.Context) {
	committed, err := event.ParseTime(bus.DeliveryFrom(ctx).Event.Extension(event.ExtRecordedTime))
	l.mu.Lock()
	defer l.mu.Unlock()
	took := time.Duration(0)
	if err == nil {
		took = time.Since(committed)
	}
	l.all = append(l.all, took)
}

func (l *latencies) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

func (l *latencies) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}

// String returns the median and the slowest.
func (l *latencies) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.all)
	at := func(share float64) time.Duration {
		return l.all[min(int(share*float64(len(l.all))), len(l.all)-1)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("P50 %s, P90 %s, P99 %s, most %s", at(.5), at(.9), at(.99), at(1))
}
