package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

func TestRevocationWaitsForTheBatchInFlight(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.handle = func(context.Context, *bus.Delivery) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		r.topic.add(0, 150)
		r.conn.assign(0)
		time.Sleep(time.Second)
		start := time.Now()
		r.conn.revoke(0)
		if took := time.Since(start); took < 8*time.Second || took > 9*time.Second {
			r.Errorf("revoking took %v, want the rest of the batch's 10 s", took)
		}
		r.expect(0, 100)

		other := newRig(r.T, r.topic, r.store, route())
		other.run()
		other.conn.assign(0)
		time.Sleep(10 * time.Second)
		r.expect(0, 150)
		if err := other.router.Close(context.Background()); err != nil {
			r.Error(err)
		}
	})
}

func TestRevocationInterruptsWaiting(t *testing.T) {
	for name, wait := range map[string]func(r *rig){
		"for what is due": func(r *rig) {
			r.store.handle = func(context.Context, *bus.Delivery) error { return bus.RetryAfter(time.Hour, errors.New("not yet")) }
		},
		"while paused": func(r *rig) { r.store.pause(bus.ErrHoldFull) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				wait(r)
				r.topic.add(0, 1)
				r.conn.assign(0)
				time.Sleep(time.Second)
				start := time.Now()
				r.conn.revoke(0)
				if took := time.Since(start); took != 0 {
					r.Errorf("revoking took %v", took)
				}
			})
		})
	}
}

func TestHandlerThatNeverReturnsDoesNotHoldTheGroup(t *testing.T) {
	bubble(t, func(r *rig) {
		stuck := make(chan struct{})
		defer close(stuck)
		r.store.handle = func(ctx context.Context, d *bus.Delivery) error {
			<-stuck // deaf to ctx
			return ctx.Err()
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		synctest.Wait()
		start := time.Now()
		r.conn.revoke(0)
		if took := time.Since(start); took != bus.DefaultTimeout+5*time.Second {
			r.Errorf("revoking took %v, want the timeout and five seconds", took)
		}
		r.logged("does not return")

		other := newRig(r.T, r.topic, newFakeStoreAfter(r.store), route())
		other.run()
		other.conn.assign(0)
		other.expect(0, 1)
		if err := other.router.Close(context.Background()); err != nil {
			r.Error(err)
		}
	})
}

// newFakeStoreAfter is the same database in another process, whose handler
// works.
func newFakeStoreAfter(s *fakeStore) *fakeStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := newFakeStore()
	for pos, row := range s.rows {
		next.rows[pos] = row
	}
	return next
}

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		r.store.handle = func(context.Context, *bus.Delivery) error {
			time.Sleep(50 * time.Millisecond)
			return nil
		}
		r.run()
		r.topic.add(0, 300)
		r.conn.assign(0)
		time.Sleep(time.Second)
		if err := r.router.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := <-r.result; err != nil {
			t.Errorf("run returned %v, want nil", err)
		}
		r.expect(0, 100)
		if err := r.router.Ready(); err == nil {
			t.Error("ready after close")
		}
		if err := r.router.Close(context.Background()); err != nil {
			t.Errorf("second close: %v", err)
		}
		if err := r.router.Run(context.Background()); err == nil {
			t.Error("a closed router ran again")
		}
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		r.store.handle = func(ctx context.Context, _ *bus.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r.run()
		r.topic.add(0, 1)
		r.conn.assign(0)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.router.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close returned %v, want the context's error", err)
		}
		<-r.result
		r.expect(0, 0)
	})
}

func TestClockIsSetBackBehindAPlan(t *testing.T) {
	bubble(t, func(r *rig) {
		r.store.ahead = 11 * time.Hour
		r.store.handle = func(_ context.Context, d *bus.Delivery) error {
			if d.Attempt == 1 {
				return errors.New("later")
			}
			return nil
		}
		r.topic.add(0, 1)
		r.conn.assign(0)
		time.Sleep(2 * time.Minute)
		r.expect(0, 1)
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		ctx, cancel := context.WithCancel(context.Background())
		go func() { r.result <- r.router.Run(ctx) }()
		r.conn.assign(0)
		synctest.Wait()
		cancel()
		if err := <-r.result; !errors.Is(err, context.Canceled) {
			t.Errorf("run returned %v, want the context's error", err)
		}
	})
}

func TestCloseBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		if err := r.router.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := r.router.Run(context.Background()); err == nil {
			t.Error("a closed router ran")
		}
	})
}

func TestJoinWaitsForTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic()
		away := fmt.Errorf("no broker at 127.0.0.1:9092: %w", driver.ErrUnreachable)
		topic.joinErr = slices.Repeat([]error{away}, 20)
		r := newRig(t, topic, newFakeStore(), route())
		r.run()
		time.Sleep(10 * time.Second)
		if err := r.router.Ready(); !errors.Is(err, driver.ErrUnreachable) {
			t.Errorf("ready says %v, want that the broker is away", err)
		}
		time.Sleep(2 * time.Minute)
		if err := r.router.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if err := r.router.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestJoinErrorEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic()
		topic.joinErr = []error{errors.New("topic does not exist")}
		r := newRig(t, topic, newFakeStore(), route())
		r.run()
		if err := <-r.result; err == nil || !strings.Contains(err.Error(), "topic does not exist") {
			t.Errorf("run returned %v", err)
		}
	})
}

func TestCloseWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := newFakeTopic()
		topic.joinErr = slices.Repeat([]error{driver.ErrUnreachable}, 1000)
		r := newRig(t, topic, newFakeStore(), route())
		r.run()
		time.Sleep(time.Minute)
		if err := r.router.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-r.result; err != nil {
			t.Errorf("run returned %v, want nil", err)
		}
	})
}

func TestLatestIsSettledWhenClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, store := newFakeTopic(), newFakeStore()
		latest := route()
		latest.Latest = true
		topic.add(0, 5)
		first := newRig(t, topic, store, latest)
		first.run()
		first.conn.assign(0)
		synctest.Wait()
		if err := first.router.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		topic.add(0, 2) // while nobody consumes
		second := newRig(t, topic, store, latest)
		second.run()
		second.conn.assign(0)
		synctest.Wait()
		if got := store.applied(0); !slices.Equal(got, []int64{5, 6}) {
			t.Errorf("applied %v, want 5 and 6", got)
		}
		if err := second.router.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestLostRecordsAreReported(t *testing.T) {
	bubble(t, func(r *rig) {
		r.topic.add(0, 10)
		r.conn.assign(0)
		r.expect(0, 10)
		r.conn.revoke(0)
		r.topic.lose(0, 0)
		r.topic.add(0, 3)
		r.conn.assign(0)
		synctest.Wait()
		if got := r.store.applied(0); !slices.Equal(got[10:], []int64{0, 1, 2}) {
			r.Errorf("applied %v after the loss, want 0, 1, 2", got[10:])
		}
		r.logged("level=ERROR", "position=10", "continuing_at=0")
	})
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeTopic(), newFakeStore(), route())
		if err := r.router.Ready(); err == nil {
			t.Error("ready before run")
		}
		r.run()
		synctest.Wait()
		if err := r.router.Ready(); err != nil {
			t.Errorf("a member without partitions is not ready: %v", err)
		}
		r.conn.assign(0)
		synctest.Wait()
		if err := r.router.Ready(); err != nil {
			t.Errorf("not ready after the claim: %v", err)
		}
		if err := r.router.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	a, b := route(), route()
	b.Consumer = "achievement.OnQuizAgain"
	_, err := bus.NewRouter(bus.Config{Routes: []bus.Route{a, b, {}}})
	for _, want := range []string{"group", "OnQuizCompleted", "OnQuizAgain", "pl.quiz.quiz_completed.v1", "without a consumer name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}
