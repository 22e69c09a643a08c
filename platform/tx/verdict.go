package tx

import (
	"math/rand/v2"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// maxRedrives is how many redrives may fail before a delivery is parked.
const maxRedrives = 5

// A verdict is what the failure of one delivery means.
type verdict struct {
	err     error
	outcome bus.Outcome
	after   time.Duration // the handler's wish, from bus.RetryAfter
	probe   time.Time     // set during an outage: when to try again, uncounted
}

// passing reports whether the failure may be one of many with one reason. A
// handler that asks for a delay knows the reason of its own.
func (v *verdict) passing() bool { return v.outcome == bus.Retry && v.after == 0 }

// sentence changes a row as its verdict says. It is all there is to retries,
// dead letters and the parking lot:
//
//   - a retry waits as the policy says, unless its attempts are used up;
//   - a delivery that a person has redriven has one attempt;
//   - what fails for good is dead, and parked after too many redrives;
//   - when the route skips dead letters, those that wait for a person do not
//     block their key.
func sentence(row *hold.Row, v *verdict, r *bus.Route, now time.Time) {
	policy := r.RetryPolicy()
	row.Cause = hold.Cause(v.err)
	row.Signature = hold.Signature(row.Cause)
	if row.LastFailedAt = now; row.FirstFailedAt.IsZero() {
		row.FirstFailedAt = now
	}
	if v.outcome == bus.Retry && !v.probe.IsZero() {
		row.State, row.NextAt = hold.Held, later(v.probe, now.Add(v.after))
		return
	}
	row.Attempts++
	row.State, row.NextAt = hold.Dead, time.Time{}
	switch {
	case v.outcome == bus.Parked, row.Redrives >= maxRedrives:
		row.State = hold.Parked
	case v.outcome == bus.Retry && row.Redrives == 0 && row.Attempts < policy.Attempts:
		row.State, row.NextAt = hold.Held, now.Add(max(retryDelay(policy, row.Attempts), v.after))
	}
	if r.SkipDead && row.State != hold.Held {
		row.Blocks = false
	}
}

// retryDelay returns the delay behind a number of attempts: it doubles from
// the policy's first to its longest, give or take a tenth.
func retryDelay(p bus.RetryPolicy, attempts int) time.Duration {
	delay := p.Max
	if doublings := attempts - 1; doublings < 32 && p.First<<doublings < p.Max && p.First<<doublings > 0 {
		delay = p.First << doublings
	}
	return delay - delay/10 + rand.N(delay/5+1)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// failureOf is the verdict as observers see it.
func failureOf(row *hold.Row, v *verdict) bus.Failure {
	f := bus.Failure{Err: v.err, Next: row.NextAt}
	switch row.State {
	case hold.Dead:
		f.Outcome = bus.Dead
	case hold.Parked:
		f.Outcome = bus.Parked
	}
	return f
}
