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

func TestFailedDeliveryIsRetriedInPlace(t *testing.T) {
	bubble(t, func(r *rig) {
		failures := 3
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 4 && failures > 0 {
				failures--
				return errors.New("no such student")
			}
			return nil
		}
		r.topic.add(0, 10)
		r.conn.assign(0)
		r.expect(0, 4)
		time.Sleep(time.Minute)
		r.expect(0, 10)

		runs := r.store.attempts(4)
		if len(runs) != 4 {
			r.Fatalf("%d attempts, want 4", len(runs))
		}
		for i := 1; i < len(runs); i++ {
			least := 100 * time.Millisecond << (i - 1)
			if gap := runs[i].at.Sub(runs[i-1].at); gap < least || gap > least*6/5 {
				r.Errorf("attempt %d came after %v, want %v and up to a fifth more", i+1, gap, least)
			}
			if runs[i].attempt != i+1 {
				r.Errorf("attempt %d says %d", i+1, runs[i].attempt)
			}
		}
		r.logged("level=WARN", "event_id=event-4", "key=1", "attempt=3", "next_attempt=", "no such student")
	})
}

// A delivery that failed must not undo its neighbours again and again.
func TestFailedDeliveryIsRetriedAlone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Record.Offset == 4 && d.Attempt < 4 {
				return errors.New("no such student")
			}
			return nil
		}
		r.topic.add(0, 10)
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.expect(0, 10)
		if got, want := r.store.sizes, []int{10, 1, 1, 1, 5}; !slices.Equal(got, want) {
			r.Errorf("batches of %v, want %v", got, want)
		}
	})
}

func TestBackOffStartsAnewForEachDelivery(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Attempt < 8 {
				return errors.New("no such student")
			}
			return nil
		}
		r.topic.add(0, 2)
		r.conn.assign(0)
		time.Sleep(10 * time.Minute)
		r.expect(0, 2)
		runs := r.store.attempts(1)
		if gap := runs[1].at.Sub(runs[0].at); gap > time.Second {
			r.Errorf("the first retry of the second delivery came after %v", gap)
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

func TestDeadAndParkedBlockTheirPartition(t *testing.T) {
	for _, outcome := range []func(error) error{bus.Reject, bus.Park} {
		bubble(t, func(r *rig) {
			r.store.handle = func(_ context.Context, d *bus.Delivery) error {
				if d.Record.Offset == 1 && d.Attempt < 3 {
					return outcome(errors.New("never"))
				}
				return nil
			}
			r.topic.add(0, 3)
			r.topic.add(1, 1)
			r.conn.assign(0)
			r.conn.assign(1)
			time.Sleep(4 * time.Minute)
			r.expect(0, 1)
			r.expect(1, 1)
			r.logged("level=ERROR")
			time.Sleep(10 * time.Minute)
			r.expect(0, 3)
		})
	}
}

func TestUndecodableRecordIsDecodedAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		r.decoder.set(func(rec *driver.Record, d *bus.Delivery) error {
			if rec.Offset == 1 {
				d.Err = errors.New("unknown schema id")
			}
			return nil
		})
		r.topic.add(0, 3)
		r.conn.assign(0)
		time.Sleep(time.Hour)
		r.expect(0, 1)
		r.logged("level=ERROR", "outcome=dead", "unknown schema id")
		r.decoder.set(nil)
		time.Sleep(10 * time.Minute)
		r.expect(0, 3)
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

func TestPanickingHandlerIsLoggedWithItsStack(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Attempt == 1 {
				var badges map[string]int
				badges["ace"]++ //nolint:staticcheck // SA5000: the panic is the point
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		time.Sleep(time.Second)
		r.expect(0, 1)
		r.logged("level=ERROR", "assignment to entry in nil map", "router_test.go")
	})
}

// The store asks for the event anew before it runs a handler again.
func TestFurtherRunsGetTheirOwnMessage(t *testing.T) {
	bubble(t, func(r *rig) {
		decoded := 0
		r.decoder.set(func(*driver.Record, *bus.Delivery) error { decoded++; return nil })
		r.store.handle = func(ctx context.Context, d *bus.Delivery) error {
			if _, err := d.Take(ctx); err != nil || decoded != d.Attempt {
				t.Errorf("run %d: the record was decoded %d times: %v", d.Attempt, decoded, err)
			}
			if d.Attempt < 3 {
				return errors.New("not now")
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		time.Sleep(time.Second)
		r.expect(0, 1)
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
		r.topic.add(0, 1)
		r.conn.assign(0)
		time.Sleep(time.Second)
		r.expect(0, 0)
		r.logged("panic with a value of type string")
		if strings.Contains(r.log.String(), "secret") {
			r.Error("the log quotes the panic's value")
		}
	})
}
