package bus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A rig is a router between a broker and a database in memory, in virtual time.
type rig struct {
	*testing.T
	topic   *fakeTopic
	conn    *fakeConn
	store   *fakeStore
	decoder *fakeDecoder
	router  *bus.Router
	log     *logBuffer
	result  chan error
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// bubble runs f with a rig whose router is running, and drains it at the end.
func bubble(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		r.run()
		defer func() {
			if err := r.router.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
		f(r)
	})
}

func newRig(t *testing.T, topic *fakeTopic, store *fakeStore, route bus.Route) *rig {
	t.Helper()
	r := &rig{
		T: t, topic: topic, conn: topic.connect(), store: store,
		decoder: &fakeDecoder{}, log: &logBuffer{}, result: make(chan error, 1),
	}
	var err error
	r.router, err = bus.NewRouter(bus.Config{
		Group: "pl.achievement", Conn: r.conn, Store: store, Decoder: r.decoder,
		Routes: []bus.Route{route}, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) run() {
	go func() { r.result <- r.router.Run(context.Background()) }()
}

// expect checks that exactly the offsets from 0 to n-1 were applied, in order.
func (r *rig) expect(partition int32, n int) {
	r.Helper()
	synctest.Wait()
	got := r.store.applied(partition)
	for i, offset := range got {
		if offset != int64(i) {
			r.Fatalf("partition %d: effect %d is of offset %d", partition, i, offset)
		}
	}
	if len(got) != n {
		r.Fatalf("partition %d: %d effects, want %d", partition, len(got), n)
	}
}

// applied checks which offsets were applied, in their order.
func (r *rig) applied(partition int32, want ...int64) {
	r.Helper()
	synctest.Wait()
	if got := r.store.applied(partition); !slices.Equal(got, want) {
		r.Fatalf("partition %d: applied %v, want %v", partition, got, want)
	}
}

func (r *rig) logged(words ...string) {
	r.Helper()
	for _, w := range words {
		if !strings.Contains(r.log.String(), w) {
			r.Errorf("the log does not say %q:\n%s", w, r.log)
		}
	}
}

func TestRecordsAreAppliedInOrder(t *testing.T) {
	bubble(t, func(r *rig) {
		r.topic.add(0, 250)
		r.conn.assign(0)
		r.conn.assign(1)
		r.expect(0, 250)
		r.topic.add(1, 5)
		r.topic.add(0, 1)
		r.expect(0, 251)
		r.expect(1, 5)
		if got := r.topic.committed(0); got != 251 {
			r.Errorf("the broker's copy is %d, want 251", got)
		}
		if r.store.claims != 2 {
			r.Errorf("%d claims, want 2", r.store.claims)
		}
	})
}

// What the store holds runs when its time has come; meanwhile other keys flow.
func TestHeldDeliveriesRunWhenTheyAreDue(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 1 && d.Attempt < 4 {
				return bus.RetryAfter(time.Duration(d.Attempt)*time.Second, errors.New("no such student"))
			}
			return nil
		}
		r.topic.add(0, 6)
		r.conn.assign(0)
		time.Sleep(time.Second / 2)
		r.topic.add(0, 3)
		time.Sleep(time.Second / 4)
		r.applied(0, 0, 2, 3, 5, 6, 8)
		time.Sleep(time.Minute)
		r.applied(0, 0, 2, 3, 5, 6, 8, 1, 4, 7)
		runs := r.store.attempts(1)
		for i := 1; i < len(runs); i++ {
			if gap := runs[i].at.Sub(runs[i-1].at); gap != time.Duration(i)*time.Second || runs[i].attempt != i+1 {
				r.Errorf("run %d came after %v as attempt %d", i+1, gap, runs[i].attempt)
			}
		}
	})
}

// Neither what is due nor what is fresh waits for the other to end.
func TestDueAndFreshTakeTurns(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			time.Sleep(100 * time.Millisecond)
			if d.Record.Offset%3 == 0 && d.Attempt < 200 {
				return errors.New("no such student")
			}
			return nil
		}
		r.topic.add(0, 300)
		r.conn.assign(0)
		time.Sleep(2 * time.Minute)
		if got := len(r.store.applied(0)); got != 200 {
			r.Errorf("%d effects, want the 200 of the keys that do not fail", got)
		}
		if got := len(r.store.attempts(0)); got < 15 {
			r.Errorf("the failing delivery ran %d times", got)
		}
	})
}

func TestPausedPartitionTakesNothingFresh(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 0 && d.Attempt < 10 {
				return errors.New("no such student")
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		synctest.Wait()
		r.store.pause(bus.ErrHoldFull)
		time.Sleep(time.Second)
		r.topic.add(0, 5)
		time.Sleep(time.Minute)
		r.applied(0, 0)
		if err := r.router.Ready(); err != nil {
			r.Errorf("calls are kept away because deliveries are: %v", err)
		}
		if got := strings.Count(r.log.String(), "no fresh deliveries are taken"); got != 1 {
			r.Errorf("the log says %d times that the partition is paused", got)
		}
		r.store.pause(nil)
		time.Sleep(2 * time.Second)
		r.applied(0, 0, 1, 2, 3, 4, 5)
		if err := r.router.Ready(); err != nil {
			r.Errorf("not ready: %v", err)
		}
	})
}

// What a paused store has not taken of a batch is not lost.
func TestRestOfABatchWaitsForTheStore(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 2 {
				r.store.pause(bus.ErrOutage)
			}
			return nil
		}
		r.topic.add(0, 5)
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.applied(0, 0, 1, 2)
		r.store.pause(nil)
		time.Sleep(2 * time.Second)
		r.applied(0, 0, 1, 2, 3, 4)
		if r.store.claims != 1 {
			r.Errorf("%d claims, want 1", r.store.claims)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Attempt == 1 {
				return bus.RetryAfter(3*time.Hour, errors.New("the predecessor is missing"))
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		time.Sleep(3*time.Hour - time.Second)
		r.expect(0, 0)
		time.Sleep(2 * time.Second)
		r.expect(0, 1)
	})
}

func TestUndecodableRecordIsGivenToTheStore(t *testing.T) {
	bubble(t, func(r *rig) {
		broken := errors.New("unknown schema id")
		r.decoder.set(func(rec *driver.Record, d *bus.Delivery) error {
			if rec.Offset == 1 {
				d.Err = broken
			}
			return nil
		})
		r.topic.add(0, 3)
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.applied(0, 0, 2)
		if got := len(r.store.attempts(1)); got < 2 {
			r.Errorf("it was given to the store %d times, want once and again when it was due", got)
		}
		r.decoder.set(nil)
		time.Sleep(time.Minute)
		r.applied(0, 0, 2, 1)
	})
}

func TestRegistryThatIsAwayMeansWaiting(t *testing.T) {
	bubble(t, func(r *rig) {
		r.decoder.set(func(*driver.Record, *bus.Delivery) error { return errors.New("registry is away") })
		r.topic.add(0, 3)
		r.conn.assign(0)
		time.Sleep(time.Hour)
		r.expect(0, 0)
		if err := r.router.Ready(); err == nil || !strings.Contains(err.Error(), "registry is away") {
			r.Errorf("ready says %v, want the registry", err)
		}
		r.decoder.set(nil)
		time.Sleep(10 * time.Second)
		r.expect(0, 3)
		if err := r.router.Ready(); err != nil {
			r.Errorf("not ready: %v", err)
		}
		if len(r.store.attempts(0)) != 1 {
			r.Error("waiting for the registry counted as an attempt")
		}
	})
}

func TestStoreFailuresAreClaimedAnew(t *testing.T) {
	for name, f := range map[string]fault{"refused": refuse, "uncertain": uncertain, "usurped": usurp, "panic": explode} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.store.faults = []fault{healthy, f, f, healthy, f}
				r.conn.assign(0)
				for range 5 {
					r.topic.add(0, 7)
					time.Sleep(10 * time.Second)
				}
				r.expect(0, 35)
				if r.store.claims != 4 {
					r.Errorf("%d claims, want one a fault and one at the start", r.store.claims)
				}
			})
		})
	}
}

// The store asks for the event anew before it runs a handler again.
func TestFurtherRunsGetTheirOwnMessage(t *testing.T) {
	bubble(t, func(r *rig) {
		decoded := 0
		r.decoder.set(func(*driver.Record, *bus.Delivery) error { decoded++; return nil })
		r.store.handle = func(ctx context.Context, d *bus.Delivery) error {
			for range 3 {
				if _, err := d.Take(ctx); err != nil {
					t.Error(err)
				}
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		r.expect(0, 1)
		if decoded != 3 {
			t.Errorf("the record was decoded %d times, want once a run", decoded)
		}
	})
}

// A handler that ends its goroutine, as t.FailNow does, does not end its
// partition.
func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	bubble(t, func(r *rig) {
		exits := 2
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 1 && exits > 0 {
				exits--
				runtime.Goexit()
			}
			return nil
		}
		r.topic.add(0, 3)
		r.conn.assign(0)
		time.Sleep(time.Second)
		r.expect(0, 3)
		r.logged("runtime.Goexit")
	})
}

func TestPanickingDecoderIsContained(t *testing.T) {
	bubble(t, func(r *rig) {
		r.decoder.set(func(*driver.Record, *bus.Delivery) error { panic("a secret of a student") })
		var failed error
		r.topic.add(0, 1)
		r.conn.assign(0)
		r.expect(0, 0)
		r.store.handle = func(_ context.Context, d *bus.Delivery) error { failed = d.Err; return nil }
		r.decoder.set(nil)
		time.Sleep(time.Minute)
		r.expect(0, 1)
		if failed != nil || len(r.store.attempts(0)) < 2 {
			r.Errorf("the record was given to the store %d times", len(r.store.attempts(0)))
		}
		if strings.Contains(r.log.String(), "secret") {
			r.Error("the log quotes the panic's value")
		}
	})
}
