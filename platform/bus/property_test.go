package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A step is one thing that happens to two members and their broker.
type step struct {
	do        action
	partition int32
	member    int
	n         int
}

type action int

const (
	publish  action = iota // n records
	move                   // the partition to the member
	steal                  // it to the member while the other one keeps it: a zombie
	breakIt                // n calls of the store fail, each in its own way
	failSome               // the next n runs of handlers fail
	blind                  // the decoder is away for n seconds
	pass                   // n seconds
	actions
)

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		do:        action(rapid.IntRange(0, int(actions)-1).Draw(t, "action")),
		partition: rapid.Int32Range(0, 2).Draw(t, "partition"),
		member:    rapid.IntRange(0, 1).Draw(t, "member"),
		n:         rapid.IntRange(1, 150).Draw(t, "n"),
	}
})

// Whatever happens, in the end every record has exactly one effect, and the
// effects of a key are in the order of its records.
func TestAnythingMayHappen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(steps, 1, 40).Draw(rt, "steps")
		var problem error
		synctest.Test(t, func(t *testing.T) { problem = live(t, plan) })
		if problem != nil {
			rt.Fatal(problem)
		}
	})
}

type world struct {
	topic     *fakeTopic
	store     *fakeStore
	members   [2]*rig
	published map[int32]int
	failures  int // runs of handlers that fail next; guarded by store.mu
}

// live runs the plan, ends all troubles, and checks the effects.
func live(t *testing.T, plan []step) error {
	w := &world{topic: newFakeTopic(), store: newFakeStore(), published: map[int32]int{}}
	w.store.handle = w.handle
	for i := range w.members {
		w.members[i] = newRig(t, w.topic, w.store, route())
		w.members[i].run()
		<-w.members[i].conn.joined
	}
	for _, s := range plan {
		w.step(s)
	}
	for p := range int32(3) {
		w.step(step{do: move, partition: p})
	}
	time.Sleep(time.Hour)
	err := w.check()
	for _, m := range w.members {
		err = errors.Join(err, m.router.Close(context.Background()))
	}
	return err
}

func (w *world) step(s step) {
	m, other := w.members[s.member], w.members[1-s.member]
	switch s.do {
	case publish:
		w.topic.add(s.partition, s.n)
		w.published[s.partition] += s.n
	case move:
		other.conn.revoke(s.partition)
		m.conn.revoke(s.partition)
		m.conn.assign(s.partition)
	case steal:
		m.conn.revoke(s.partition)
		m.conn.assign(s.partition)
	case breakIt:
		w.store.mu.Lock()
		for i := range s.n % 7 {
			w.store.faults = append(w.store.faults, fault((s.n+i)%int(explode+1)))
		}
		w.store.mu.Unlock()
	case failSome:
		w.store.mu.Lock()
		w.failures = s.n % 5
		w.store.mu.Unlock()
	case blind:
		back := time.Now().Add(time.Duration(s.n) * time.Second)
		m.decoder.set(func(*driver.Record, *bus.Delivery) error {
			if time.Now().Before(back) {
				return errors.New("registry is away")
			}
			return nil
		})
	case pass:
		time.Sleep(time.Duration(s.n) * time.Second)
	}
}

func (w *world) handle(_ context.Context, d *bus.Delivery) error {
	time.Sleep(time.Millisecond)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.failures == 0 {
		return nil
	}
	if w.failures--; w.failures%2 == 0 {
		return bus.RetryAfter(time.Second, errors.New("failed"))
	}
	panic(fmt.Sprintf("failed at %d", d.Record.Offset))
}

func (w *world) check() error {
	for p := range int32(3) {
		got := w.store.applied(p)
		last := map[int64]int64{0: -1, 1: -1, 2: -1}
		for i, offset := range got {
			if key := offset % 3; offset <= last[key] {
				return fmt.Errorf("partition %d: effect %d is of offset %d, after %d of its key", p, i, offset, last[key])
			} else {
				last[key] = offset
			}
		}
		if len(got) != w.published[p] {
			return fmt.Errorf("partition %d: %d effects of %d records", p, len(got), w.published[p])
		}
	}
	return nil
}
