package operate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// A fakeHold has letters that take a while to run and may fail again.
type fakeHold struct {
	left    int
	moved   []time.Time // when each letter was redriven
	takes   time.Duration
	fails   func(n int) bool // whether the n-th letter fails
	stalled bool
	asked   int
}

func (h *fakeHold) redrive(_ context.Context, limit int) (int, error) {
	n := min(limit, h.left)
	h.left -= n
	for range n {
		h.moved = append(h.moved, time.Now())
	}
	return n, nil
}

func (h *fakeHold) progress(context.Context) (p admin.Progress, err error) {
	h.asked++
	for n, at := range h.moved {
		switch {
		case h.stalled || time.Since(at) < h.takes:
			p.Waiting++
		case h.fails != nil && h.fails(n):
			p.Failed++
			p.Cause, p.Example = "boom", "c/t/0/1"
		}
	}
	return p, nil
}

func newCanary(h *fakeHold, rate float64) *canary {
	return &canary{target: h, rate: rate, stopAfter: 0.1, tell: func(tally) {}}
}

func TestCanaryGrowsThenKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHold{left: 5000, takes: 300 * time.Millisecond}
		c := newCanary(h, 200)
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.Redriven != 5000 || c.succeeded() != 5000 || c.Stopped != "" {
			t.Errorf("at the end: %+v", c.tally)
		}
		// The second and the twelfth letter wait for those before them.
		for _, n := range []int{1, 11, 111} {
			if gap := h.moved[n].Sub(h.moved[n-1]); gap < h.takes {
				t.Errorf("letter %d came %s after the one before, which takes %s", n, gap, h.takes)
			}
		}
		for n := 111; n+200 < len(h.moved); n++ {
			if took := h.moved[n+200].Sub(h.moved[n]); took < 800*time.Millisecond {
				t.Fatalf("200 letters from number %d on were redriven in %s, at a rate of 200/s", n, took)
			}
		}
		if took := h.moved[4999].Sub(h.moved[111]); took > 30*time.Second {
			t.Errorf("4889 letters at 200/s took %s", took)
		}
	})
}

func TestCanaryStops(t *testing.T) {
	for name, c := range map[string]struct {
		fails func(int) bool
		most  int // letters redriven at the most
	}{
		"at the first":    {func(int) bool { return true }, 1},
		"in the second":   {func(n int) bool { return n == 3 || n == 4 }, 11},
		"in the third":    {func(n int) bool { return n >= 11 && n%5 == 0 }, 111},
		"later, at rate":  {func(n int) bool { return n > 1000 && n%2 == 0 }, 3000},
		"after a success": {func(n int) bool { return n > 3000 }, 4500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &fakeHold{left: 100_000, takes: 50 * time.Millisecond, fails: c.fails}
				canary := newCanary(h, 500)
				err := canary.run(t.Context())
				if !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "c/t/0/1: boom") {
					t.Errorf("got %v", err)
				}
				if canary.Redriven > c.most {
					t.Errorf("%d letters were redriven before it stopped, want at most %d", canary.Redriven, c.most)
				}
			})
		})
	}
}

func TestCanaryAcceptsAFewFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHold{left: 2000, takes: time.Millisecond, fails: func(n int) bool { return n%50 == 49 }}
		c := newCanary(h, 1000)
		if err := c.run(t.Context()); err != nil || c.Failed != 40 || c.succeeded() != 1960 {
			t.Errorf("%v, %+v", err, c.tally)
		}
	})
}

func TestCanaryThatNobodyRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHold{left: 10, stalled: true}
		c := newCanary(h, 100)
		if err := c.run(t.Context()); err == nil || !strings.Contains(err.Error(), "without progress") || c.Redriven != 1 {
			t.Errorf("%v, %+v", err, c.tally)
		}
	})
}

func TestCanaryIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		h := &fakeHold{left: 100_000, takes: time.Millisecond}
		c := newCanary(h, 100)
		if err := c.run(ctx); err == nil || !strings.Contains(err.Error(), "the same command goes on") {
			t.Errorf("got %v", err)
		}
		if c.Redriven == 0 || c.Redriven > 611 || h.left != 100_000-c.Redriven || c.Stopped != "interrupted" {
			t.Errorf("%+v, %d left", c.tally, h.left)
		}
		again := newCanary(&fakeHold{left: 3, takes: time.Millisecond}, 100)
		if err := again.run(t.Context()); err != nil || again.Redriven != 3 {
			t.Errorf("few letters: %v, %+v", err, again.tally)
		}
	})
}

// TestCanaryWaitsForSlowConsumers keeps the number of letters that wait small.
func TestCanaryWaitsForSlowConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHold{left: 3000, takes: 20 * time.Second}
		c := newCanary(h, 100)
		most := int64(0)
		c.tell = func(tally) { most = max(most, c.Waiting) }
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if most > 100*ahead+50 {
			t.Errorf("%d letters waited at once", most)
		}
	})
}
