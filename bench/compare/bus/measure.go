package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A sample is one slice of one row.
type sample struct {
	events int64
	took   time.Duration
	cpu    time.Duration // of this process, all threads
}

func (s sample) rate() float64     { return float64(s.events) / s.took.Seconds() }
func (s sample) cpuNanos() float64 { return float64(s.cpu) / float64(s.events) }

// A row is one way to publish or to consume. It is measured once a round.
type row struct {
	name, does string
	slice      func(ctx context.Context) (sample, error)
	samples    []sample
}

// A sender publishes a number of events for one of several workers.
type sender struct {
	workers int
	call    func(ctx context.Context, worker int) (events int, err error)
	close   func() error
}

// limits of one slice: whichever comes first.
type limits struct {
	events int64
	time   time.Duration
	warmUp int64 // events that a consumer handles before the clock starts
}

// steady are limits for a consumer that fetches much ahead. What it has fetched
// when the clock starts costs nothing later: only a slice that begins and ends
// in the middle of the stream says what an event costs.
func (l limits) steady() limits {
	return limits{events: 5 * l.events, time: l.time, warmUp: l.events}
}

// publish runs the sender's workers to the limit.
func (l limits) publish(ctx context.Context, s sender) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runtime.GC()
	var sent atomic.Int64
	var wg sync.WaitGroup
	start, cpu := time.Now(), processCPU()
	for w := range s.workers {
		wg.Go(func() {
			for ctx.Err() == nil && sent.Load() < l.events && time.Since(start) < l.time {
				n, err := s.call(ctx, w)
				if err != nil {
					cancel(err)
				}
				sent.Add(int64(n))
			}
		})
	}
	wg.Wait()
	return sample{sent.Load(), time.Since(start), processCPU() - cpu}, context.Cause(ctx)
}

// A counter counts what a consumer has handled. The clock starts with the
// first events, so that joining a group does not count, or behind the warm-up.
// It stops with events, too: some consumers handle a hundred at a time, others
// a hundred thousand.
type counter struct {
	limits
	total      atomic.Int64
	begin, end atomic.Pointer[moment]
	started    chan struct{}
	finished   chan struct{}
}

// A moment is when so many events were handled.
type moment struct {
	events int64
	at     time.Time
	cpu    time.Duration
}

func newCounter(l limits) *counter {
	runtime.GC()
	return &counter{limits: l, started: make(chan struct{}), finished: make(chan struct{})}
}

// add is called after n events were handled.
func (c *counter) add(n int) {
	total := c.total.Add(int64(n))
	if c.begin.Load() == nil && total >= c.warmUp {
		pass(&c.begin, total, c.started)
	} else if begin := c.begin.Load(); begin != nil && c.time > 0 && time.Since(begin.at) >= c.time {
		pass(&c.end, total, c.finished)
	}
	if total >= c.events {
		pass(&c.end, total, c.finished)
	}
}

// pass notes the moment, unless it is noted already.
func pass(m *atomic.Pointer[moment], events int64, passed chan struct{}) {
	if m.Load() == nil && m.CompareAndSwap(nil, &moment{events, time.Now(), processCPU()}) {
		close(passed)
	}
}

// wait returns what was counted until a limit.
func (c *counter) wait(ctx context.Context) (sample, error) {
	for _, passed := range []chan struct{}{c.started, c.finished} {
		select {
		case <-passed:
		case <-time.After(20*time.Second + c.time):
			return sample{}, fmt.Errorf("consuming stopped after %d events", c.total.Load())
		case <-ctx.Done():
			return sample{}, ctx.Err()
		}
	}
	begin, end := c.begin.Load(), c.end.Load()
	return sample{end.events - begin.events, end.at.Sub(begin.at), end.cpu - begin.cpu}, nil
}

func processCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	return values[len(values)/2]
}

// ratios compare each sample of r with that of base in the same round.
func (r *row) ratios(base *row, of func(sample) float64) []float64 {
	out := make([]float64, len(r.samples))
	for i := range out {
		out[i] = of(r.samples[i]) / of(base.samples[i])
	}
	return out
}

func (r *row) values(of func(sample) float64) []float64 {
	out := make([]float64, len(r.samples))
	for i := range out {
		out[i] = of(r.samples[i])
	}
	return out
}
