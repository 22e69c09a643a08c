package platformtest

import (
	"context"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/hold"
)

// holdRows is how many held deliveries a test looks at.
const holdRows = 10_000

// Held returns what a consumer, such as achievement.OnQuizCompleted, holds in
// the states, or in any when none is given: deliveries that failed, and those
// of the same key behind them, in the order of their partitions and offsets.
func (h *Harness) Held(consumer string, states ...hold.State) []hold.Row {
	h.T.Helper()
	var all []hold.Row
	for name, db := range h.dbs {
		rows, err := hold.List(h.T.Context(), db, hold.Filter{Consumer: consumer, States: states}, hold.Page{Limit: holdRows, Whole: true})
		h.must("list what "+name+" holds", err)
		all = append(all, rows...)
	}
	return all
}

// Dead returns the dead letters of a consumer.
func (h *Harness) Dead(consumer string) []hold.Row {
	h.T.Helper()
	return h.Held(consumer, hold.Dead)
}

// Redrive sends all dead and parked deliveries of a consumer through its
// handler again, as an operator would, and waits like [Harness.Quiet]. It
// returns how many there were.
func (h *Harness) Redrive(consumer string) (n int64) {
	h.T.Helper()
	s := hold.Selection{Filter: hold.Filter{Consumer: consumer}, Limit: holdRows}
	for name, db := range h.dbs {
		redriven, err := hold.Redrive(h.T.Context(), db, s, hold.Author{Actor: "platformtest", Reason: "the test says so"})
		h.must("redrive what "+name+" holds", err)
		n += redriven
	}
	h.Quiet()
	return n
}

// retrying says which held deliveries will run again. Those that wait for a
// person, and those behind them, are at rest.
func (h *Harness) retrying(ctx context.Context, errs []error) []error {
	h.T.Helper()
	for name, db := range h.dbs {
		rows, err := hold.List(ctx, db, hold.Filter{States: []hold.State{hold.Held, hold.Dropped}}, hold.Page{Limit: holdRows})
		h.must("list what "+name+" holds", err)
		for i := range rows {
			if r := &rows[i]; !r.Waits() {
				errs = append(errs, fmt.Errorf("%s holds event %s of %s/%d until %s after %d attempts: %s",
					r.Consumer, r.EventID, r.Topic, r.Partition, r.NextAt.Format(time.RFC3339), r.Attempts, r.Cause))
			}
		}
	}
	return errs
}
