package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
)

// stages are how many letters a canary redrives before it goes on at its rate.
// Each waits for all of its letters.
var stages = []int{1, 10, 100}

const (
	// stagePatience is how long a stage waits while nothing happens.
	stagePatience = 2 * time.Minute
	// tick is how often letters are redriven at a rate, and look how often the
	// canary asks how they do.
	tick = 100 * time.Millisecond
	look = 500 * time.Millisecond
	// judged is how many letters have to be through before their share of
	// failures counts while letters are redriven at a rate.
	judged = 20
	// ahead is how many seconds of the rate may wait to be run.
	ahead = 2
)

// A target is what a canary redrives.
type target interface {
	// redrive lets up to limit further letters run again and returns how many;
	// fewer than limit, also none, means that these were the last.
	redrive(ctx context.Context, limit int) (int, error)
	// progress returns how far the letters are that were redriven so far.
	progress(ctx context.Context) (admin.Progress, error)
}

// A canary redrives letters in stages that grow, then at a rate, and stops by
// itself when too many of them fail again.
type canary struct {
	target
	// rate is in letters a second; stopAfter is the share of failures in a
	// stage that ends the run, between 0 and 1.
	rate, stopAfter float64
	// tell is called when a stage begins or ends, and every now and then.
	tell func(t tally)

	tally
	exhausted bool
}

// A tally is how far a canary is.
type tally struct {
	Stage    string `json:"stage"`
	Redriven int    `json:"redriven"`
	admin.Progress
	// Stopped says why the run ended early.
	Stopped string `json:"stopped,omitempty"`
}

// succeeded is how many letters were applied.
func (t *tally) succeeded() int64 { return max(int64(t.Redriven)-t.Waiting-t.Failed, 0) }

// errStopped ends a run whose letters fail.
var errStopped = errors.New("too many letters failed again")

// run redrives everything, or stops. An end of ctx stops it too: what was
// redriven by then runs.
func (c *canary) run(ctx context.Context) error {
	err := c.stagesThenRate(ctx)
	switch {
	case ctx.Err() != nil:
		c.Stopped = "interrupted"
		c.refresh()
		return fmt.Errorf("interrupted after %s; the same command goes on", letters(int64(c.Redriven)))
	case err != nil:
		c.Stopped = err.Error()
	}
	return err
}

// refresh asks once more how far the letters are, for an end by interrupt.
func (c *canary) refresh() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if p, err := c.progress(ctx); err == nil {
		c.Progress = p
	}
}

func (c *canary) stagesThenRate(ctx context.Context) error {
	for _, size := range stages {
		c.Stage = fmt.Sprintf("canary of %d", size)
		if err := c.stage(ctx, size); err != nil || c.exhausted {
			return err
		}
	}
	c.Stage = fmt.Sprintf("%g/s", c.rate)
	if err := c.flow(ctx); err != nil {
		return err
	}
	return c.settle(ctx, c.Failed, c.Redriven)
}

// stage redrives size letters, no faster than the rate, and waits for them.
func (c *canary) stage(ctx context.Context, size int) error {
	failed, redriven := c.Failed, c.Redriven
	for sent := 0; sent < size && !c.exhausted; {
		some := min(size-sent, max(int(c.rate), 1))
		if err := c.move(ctx, some); err != nil {
			return err
		}
		if sent += some; sent < size {
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	c.tell(c.tally)
	return c.settle(ctx, failed, redriven)
}

func (c *canary) move(ctx context.Context, limit int) error {
	n, err := c.redrive(ctx, limit)
	c.Redriven += n
	c.Waiting += int64(n)
	c.exhausted = err == nil && n < limit
	return err
}

// settle waits until nothing that was redriven waits any more, and judges what
// came after failed and redriven.
func (c *canary) settle(ctx context.Context, failed int64, redriven int) error {
	last, moved := c.Waiting, time.Now()
	for {
		if err := c.observe(ctx); err != nil {
			return err
		}
		if err := c.judge(failed, redriven, 1); err != nil || c.Waiting == 0 {
			c.tell(c.tally)
			return err
		}
		if c.Waiting < last {
			last, moved = c.Waiting, time.Now()
		}
		if time.Since(moved) > stagePatience {
			return fmt.Errorf("%s of this run are still waiting after %s without progress: they may wait behind other letters of their keys, and \"pl-gen consumer show\" says whether the consumer is at work", letters(c.Waiting), stagePatience)
		}
		if err := sleep(ctx, look); err != nil {
			return err
		}
	}
}

func (c *canary) observe(ctx context.Context) error {
	p, err := c.progress(ctx)
	if err == nil {
		c.Progress = p
	}
	return err
}

// judge stops the run when the share of failures among the letters after
// failed and redriven is too high, once least of them are through.
func (c *canary) judge(failed int64, redriven, least int) error {
	bad := c.Failed - failed
	through := int64(c.Redriven-redriven) - c.Waiting
	if bad > 0 && through >= int64(least) && float64(bad) > c.stopAfter*float64(max(through, bad)) {
		return fmt.Errorf("%w: %d of %d in the stage \"%s\", for example %s: %s", errStopped, bad, through, c.Stage, c.Example, line(c.Cause, 200))
	}
	return nil
}

// flow redrives at the rate until there is nothing left. It keeps no more
// waiting than the consumer seems to take.
func (c *canary) flow(ctx context.Context) error {
	start, looked := time.Now(), time.Now()
	failed, redriven, budget := c.Failed, c.Redriven, 0.0
	c.tell(c.tally)
	for !c.exhausted {
		if err := sleep(ctx, tick); err != nil {
			return err
		}
		budget, start = min(budget+c.rate*time.Since(start).Seconds(), max(c.rate, 1)), time.Now()
		room := max(int64(c.rate*ahead), judged) - c.Waiting
		if some := min(int64(budget), room); some > 0 {
			if err := c.move(ctx, int(some)); err != nil {
				return err
			}
			budget -= float64(some)
		}
		if time.Since(looked) < look {
			continue
		}
		looked = time.Now()
		if err := c.observe(ctx); err != nil {
			return err
		}
		if err := c.judge(failed, redriven, judged); err != nil {
			return err
		}
		if c.Redriven-redriven > 10*judged && c.Waiting < judged {
			failed, redriven = c.Failed, c.Redriven // what went well long ago must not hide what fails now
		}
		c.tell(c.tally)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
