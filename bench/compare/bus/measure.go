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
// first events, so that joining a group does not count.
type counter struct {
	limits
	total    atomic.Int64
	first    atomic.Int64 // events that came with the start of the clock, plus one
	start    time.Time
	cpu      time.Duration
	started  chan struct{}
	finished chan struct{}
}

func newCounter(l limits) *counter {
	runtime.GC()
	return &counter{limits: l, started: make(chan struct{}), finished: make(chan struct{})}
}

// add is called after n events were handled.
func (c *counter) add(n int) {
	total := c.total.Add(int64(n))
	if c.first.Load() == 0 && c.first.CompareAndSwap(0, total+1) {
		c.start, c.cpu = time.Now(), processCPU()
		close(c.started)
	}
	if before := total - int64(n); total >= c.events && before < c.events {
		close(c.finished)
	}
}

// wait returns what was counted until a limit.
func (c *counter) wait(ctx context.Context) (sample, error) {
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	select {
	case <-c.started:
	case <-timeout.C:
		return sample{}, fmt.Errorf("nothing was consumed for 20 s")
	case <-ctx.Done():
		return sample{}, ctx.Err()
	}
	timeout.Reset(c.time)
	select {
	case <-c.finished:
	case <-timeout.C:
	case <-ctx.Done():
		return sample{}, ctx.Err()
	}
	n := c.total.Load() - (c.first.Load() - 1)
	return sample{n, time.Since(c.start), processCPU() - c.cpu}, nil
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
