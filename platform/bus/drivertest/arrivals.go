package drivertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Arrivals stand for the database of the consumers of a trial. As there, a
// member that has lost a partition writes nothing: each claim has an epoch.
type arrivals struct {
	wrong func(format string, args ...any) // reports what must not happen

	mu      sync.Mutex
	next    map[int32]int64
	epoch   map[int32]int
	keys    map[string]int // how many records of each key have arrived, in order
	twice   int
	last    time.Time
	silence time.Duration
	grown   chan struct{} // closed and replaced when records arrive
}

func newArrivals(wrong func(format string, args ...any)) *arrivals {
	return &arrivals{
		wrong: wrong, next: make(map[int32]int64), epoch: make(map[int32]int), keys: make(map[string]int),
		grown: make(chan struct{}),
	}
}

// claim returns the epoch under which a member writes.
func (a *arrivals) claim(partition int32) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.epoch[partition]++
	return a.epoch[partition]
}

// position is where to seek.
func (a *arrivals) position(partition int32) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next, ok := a.next[partition]; ok {
		return next
	}
	return driver.Earliest
}

// apply takes records in, unless the epoch is over.
func (a *arrivals) apply(partition int32, epoch int, records []*driver.Record) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.epoch[partition] != epoch {
		return false
	}
	for _, r := range records {
		a.take(r)
	}
	if len(records) > 0 {
		if !a.last.IsZero() {
			a.silence = max(a.silence, time.Since(a.last))
		}
		a.last = time.Now()
		close(a.grown)
		a.grown = make(chan struct{})
	}
	return true
}

func (a *arrivals) take(r *driver.Record) {
	if want := a.next[r.Partition]; r.Offset != want {
		a.wrong("fetched %d/%d, want offset %d", r.Partition, r.Offset, want)
	}
	a.next[r.Partition] = r.Offset + 1
	key := string(r.Key)
	n, err := strconv.Atoi(string(r.Value))
	switch want := a.keys[key]; {
	case err != nil || n > want:
		a.wrong("%s at %d/%d is number %s, want %d: one is lost or out of order", key, r.Partition, r.Offset, r.Value, want)
		a.keys[key] = n + 1 // go on, for one error each
	case n == want:
		a.keys[key]++
	default:
		a.twice++
	}
}

// wait returns when everything that was acknowledged has arrived, and otherwise
// what has not until ctx ends.
func (a *arrivals) wait(ctx context.Context, acked map[string]int) error {
	for {
		a.mu.Lock()
		missing, grown := a.missing(acked), a.grown
		a.mu.Unlock()
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("acknowledged records did not arrive: %s", missing)
		}
	}
}

func (a *arrivals) missing(acked map[string]int) (list []string) {
	for _, key := range slices.Sorted(maps.Keys(acked)) {
		if a.keys[key] < acked[key] {
			list = append(list, fmt.Sprintf("%s from %d to %d", key, a.keys[key], acked[key]-1))
		}
	}
	return list
}
