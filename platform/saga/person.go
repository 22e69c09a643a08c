package saga

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/database"
)

// A Decision is what a person asks for, for one version of one instance.
type Decision struct {
	Saga, ID string
	// Version is the instance's version as the person has seen it. When the
	// instance has moved since, nothing happens.
	Version int64
	// Step is the step that is retried or skipped; empty means the one that the
	// instance is at and, at its end, the only one that is parked.
	Step string
	// Actor is who decides, Reason why. Both are kept in the history, and both
	// are required.
	Actor, Reason string
}

// ErrChanged means that the instance has moved since the person looked.
var ErrChanged = errors.New("the instance has changed meanwhile; look at it again")

// ErrNotPossible means that what a person asked for makes no sense where the
// instance is.
var ErrNotPossible = errors.New("that is not possible where the instance is")

// Retry has a step tried again: one that is parked, the one that the instance
// is stuck with, or the one that waits for its next attempt. The attempts begin
// to count anew, and the step gets its whole time.
func Retry(ctx context.Context, db *database.DB, d Decision) error {
	return decide(ctx, db, "retry", d, func(in *instance, r *Record, now time.Time) error {
		if in.status == StatusStuck && (r == nil || r.Step == in.step) {
			in.again(r, now)
			return nil
		}
		switch {
		case r == nil:
			return notPossible("the instance is at no step that could be tried again; name one")
		case r.Result == resultParked && !in.Back:
			r.Result, r.Again = resultOpen, true
			if in.status.Ended() {
				in.status = StatusRunning
			}
		case r.Result == resultOpen, r.Result == resultUndoing:
			if r.Step != in.step {
				return notPossible("the instance is at step %s", in.step)
			}
		default:
			return notPossible("step %s is %s", r.Step, r.Result)
		}
		in.again(r, now)
		return nil
	})
}

// again begins to count the attempts anew.
func (in *instance) again(r *Record, now time.Time) {
	in.Troubles, in.Trouble = 0, ""
	if in.status == StatusStuck {
		in.status = StatusRunning
		if in.Back {
			in.status = StatusCompensating
		}
	}
	in.waiting = ""
	in.release(now)
	if r == nil || r.Result != resultOpen && r.Result != resultUndoing {
		return
	}
	r.Unknown = r.Unknown || r.Calling
	r.Attempts, r.Refusals, r.Calling = 0, 0, false
	r.Since = time.Time{} // it is begun, with a new deadline, when an engine comes to it
}

// Skip has a step that is open or parked not be done any more, or what is being
// undone be kept. The person answers for what that means. If a skipped step may
// have had its effect, and the instance undoes what it did later, the step is
// undone too.
func Skip(ctx context.Context, db *database.DB, d Decision) error {
	return decide(ctx, db, "skip", d, func(in *instance, r *Record, now time.Time) error {
		if r == nil {
			return notPossible("the instance has not begun that step")
		}
		r.Unknown = r.Unknown || r.Calling
		switch r.Result {
		case resultParked, resultOpen:
			r.ended(resultSkipped)
		case resultUndoing:
			r.ended(resultKept)
		default:
			if !in.Back || !r.toUndo() {
				return notPossible("step %s is %s", r.Step, r.Result)
			}
			r.ended(resultKept)
		}
		if !in.status.Ended() {
			in.again(nil, now)
		}
		return nil
	})
}

// Compensate has an instance undo what it did, also one that is completed. A
// call that is being made at this moment is taken for one whose result is
// unknown.
func Compensate(ctx context.Context, db *database.DB, d Decision) error {
	d.Step = ""
	return decide(ctx, db, "compensate", d, func(in *instance, _ *Record, now time.Time) error {
		if in.Back {
			return notPossible("the instance is %s already", in.status)
		}
		in.again(nil, now)
		in.turnBack(&Failure{Code: connect.CodeCanceled, Reason: plain(d.Reason)})
		return nil
	})
}

func notPossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotPossible, fmt.Sprintf(format, args...))
}

// decide makes the change that a person asks for. While an engine calls, only
// what can do without the result is possible.
func decide(ctx context.Context, db *database.DB, what string, d Decision, f func(in *instance, r *Record, now time.Time) error) error {
	if d.Actor == "" || d.Reason == "" {
		return fmt.Errorf("%s: who decides and why must be given", what)
	}
	err := db.InTx(ctx, func(u *database.Unit) error {
		in, err := read(ctx, u, d.Saga, d.ID)
		if err != nil {
			return err
		}
		if err := check(in, what, d.Version); err != nil {
			return err
		}
		now := database.Now()
		r := in.meant(d.Step)
		in.news = append(in.news, Entry{Step: d.Step, What: what, Reason: plain(d.Reason), Actor: plain(d.Actor)})
		if err := in.fence(ctx, u); err != nil {
			return err
		}
		if err := f(in, r, now); err != nil {
			return err
		}
		in.holder = ""
		return in.save(ctx, u, now)
	})
	if errors.Is(err, errLost) {
		err = ErrChanged
	}
	if err == nil {
		db.Ring()
	}
	return wrap(err, "%s instance %s of saga %s", what, d.ID, d.Saga)
}

// meant returns the record of the step that a person means, or nil.
func (in *instance) meant(step string) *Record {
	if step != "" || !in.status.Ended() || in.parked() != 1 {
		return in.record(cmp.Or(step, in.step))
	}
	return &in.Records[slices.IndexFunc(in.Records, func(r Record) bool { return r.Result == resultParked })]
}

func check(in *instance, what string, version int64) error {
	switch {
	case in == nil:
		return ErrNotFound
	case in.version != version:
		return ErrChanged
	case !in.leased.IsZero() && in.leased.After(database.Now()) && what != "compensate":
		return notPossible("an engine is at work on it until %s", in.leased.Format(time.RFC3339))
	}
	return nil
}
