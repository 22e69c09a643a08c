package saga

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// run moves the instance until the worker does not have it any more.
func (w *worker) run(ctx context.Context) error {
	if err := w.in.decodeState(w.d); err != nil {
		return w.trouble(ctx, err)
	}
	for {
		err := w.next(ctx)
		if err != nil && isOwn(ctx, err) {
			err = w.trouble(ctx, err)
		}
		if err != nil || w.in.leased.IsZero() || ctx.Err() != nil {
			return err
		}
	}
}

// next makes the next change.
func (w *worker) next(ctx context.Context) error {
	a, err := w.d.plan(&w.in.progress)
	switch {
	case err != nil:
		return w.move(ctx, func(_ context.Context, _ *tx.Tx, n *instance) error {
			n.stick(err)
			return nil
		})
	case a == nil:
		return w.move(ctx, w.end)
	case w.in.fresh:
		return w.call(ctx, a)
	case a.call != nil:
		return w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error { return w.begin(ctx, t, n, a) })
	case a.step.Publish != nil:
		return w.publish(ctx, a)
	}
	return w.await(ctx, a)
}

// enter makes the record of what is done next, and takes stock of an attempt
// that nobody has reported on. It reports whether there is to be no further
// attempt.
func (w *worker) enter(n *instance, a *plan, now time.Time) (r *Record, failed bool) {
	n.lease(now)
	n.step = a.name
	r = n.open(a.name)
	switch {
	case a.undo && (r.Result != resultUndoing || r.Since.IsZero()):
		r.begun(resultUndoing, now, time.Time{})
	case !a.undo && r.Since.IsZero():
		r.begun(resultOpen, now, a.step.deadline(now, n.deadline))
	}
	if r.Calling {
		r.failed(connect.CodeUnavailable, "the engine that made the call did not report on it", true)
		n.note("lost", r, true)
	}
	if !a.undo && a.step.over(r, now) {
		r.late()
		return r, true
	}
	return r, a.refused(r) || r.Attempts > 0 && a.exhausted(r, now)
}

// late makes the end of the time the cause, unless there is a better one.
func (r *Record) late() {
	if r.Code == 0 {
		r.Code, r.Reason = connect.CodeDeadlineExceeded, "the time of the step was up"
	}
}

// begin commits that a call will be made, or that it failed for good.
func (w *worker) begin(ctx context.Context, t *tx.Tx, n *instance, a *plan) error {
	r, failed := w.enter(n, a, t.Now())
	if failed {
		return w.fail(ctx, t, n, a)
	}
	err := w.prepare(ctx, n, a, r)
	if err == nil || a.undo {
		return err
	}
	r.failed(connect.CodeOf(err), plain(err.Error()), false)
	n.note("refused", r, true)
	return nil
}

// prepare makes the next attempt ready.
func (w *worker) prepare(ctx context.Context, n *instance, a *plan, r *Record) (err error) {
	if r.Request, err = w.request(ctx, n, a); err != nil {
		return err
	}
	r.Attempts++
	r.Calling, n.fresh = true, true
	n.note(verb(a, "calling"), r, false)
	return nil
}

func verb(a *plan, what string) string {
	if a.undo {
		return "undo " + what
	}
	return what
}

// call makes the call and records what came of it.
func (w *worker) call(ctx context.Context, a *plan) error {
	w.in.fresh = false
	w.cfg.Hooks.Step(ctx, bus.SagaCalling)
	got := w.attempt(ctx, a)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.cfg.Hooks.Step(ctx, bus.SagaCalled)
	err := w.record(ctx, a, got)
	w.cfg.Hooks.Step(ctx, bus.SagaRecorded)
	return err
}

// record commits what came of a call. An answer that the definition cannot
// take is as good as none.
func (w *worker) record(ctx context.Context, a *plan, got *answer) error {
	if got.done() {
		err := w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error { return w.done(ctx, t, n, a, got) })
		if err == nil || !isOwn(ctx, err) {
			return err
		}
		got = &answer{code: connect.CodeOf(err), reason: plain(err.Error()), unknown: true}
	}
	return w.move(ctx, func(_ context.Context, t *tx.Tx, n *instance) error {
		n.lease(t.Now())
		r := n.record(a.name)
		r.failed(got.code, got.reason, got.unknown)
		n.note(verb(a, got.text()), r, true)
		if !a.refused(r) && !a.exhausted(r, t.Now()) {
			n.release(a.again(r, t.Now()))
		}
		return nil
	})
}

// done records an answer and, when the next thing is a call too, that it will
// be made.
func (w *worker) done(ctx context.Context, t *tx.Tx, n *instance, a *plan, got *answer) error {
	if a.call.Done != nil {
		err := w.contain(ctx, "answer of "+a.call.Procedure, func() error { return a.call.Done(ctx, t, n.state, got.res) })
		if err != nil {
			return err
		}
	}
	n.settle(a, t.Now())
	next, err := w.d.plan(&n.progress)
	if err != nil || next == nil || next.call == nil {
		return nil
	}
	ahead := n.clone()
	if r, failed := w.enter(ahead, next, t.Now()); !failed && w.prepare(ctx, ahead, next, r) == nil {
		*n = *ahead
	}
	return nil
}

// settle records that something was done or undone.
func (in *instance) settle(a *plan, now time.Time) {
	in.lease(now)
	in.Troubles, in.Trouble = 0, ""
	r := in.record(a.name)
	result := resultDone
	if a.undo {
		result = resultUndone
	}
	r.ended(result)
	in.note(string(result), r, false)
}

// fail ends what cannot be done: a compensation is stuck, a step with Continue
// is parked, and any other has what was done undone.
func (w *worker) fail(ctx context.Context, t *tx.Tx, n *instance, a *plan) error {
	r := n.record(a.name)
	failure := &Failure{Step: a.name, Code: r.Code, Reason: r.Reason, Unknown: r.Unknown}
	switch {
	case a.undo:
		n.stick(failure)
		return nil
	case !a.step.Continue:
		r.ended(resultFailed)
		n.note("failed", r, true)
		n.turnBack(failure)
		return nil
	}
	again := r.Again
	r.ended(resultParked)
	n.note("parked", r, true)
	if again || a.step.Failed == nil {
		return nil
	}
	return w.contain(ctx, "failure of step "+a.name, func() error { return a.step.Failed(ctx, t, n.state, failure) })
}

// turnBack begins to undo what was done.
func (in *instance) turnBack(cause *Failure) {
	in.status = StatusCompensating
	in.Back, in.Cause = true, cause
	for i := range in.Records {
		if r := &in.Records[i]; r.Again || r.Result == resultOpen {
			r.Unknown = r.Unknown || r.Calling
			r.ended(resultFailed)
		}
	}
	in.note("compensating", nil, false)
}

// stick leaves the instance to a person.
func (in *instance) stick(cause error) {
	in.status = StatusStuck
	in.Trouble = plain(cause.Error())
	in.release(time.Time{})
	in.news = append(in.news, Entry{Step: in.step, What: "stuck", Reason: in.Trouble})
}

// publish does a step that publishes.
func (w *worker) publish(ctx context.Context, a *plan) error {
	err := w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error {
		r, failed := w.enter(n, a, t.Now())
		if failed {
			return w.fail(ctx, t, n, a)
		}
		r.Attempts++
		if err := w.contain(ctx, "step "+a.name, func() error { return a.step.Publish(ctx, t, n.state) }); err != nil {
			return &stepError{err}
		}
		n.settle(a, t.Now())
		return nil
	})
	return w.retryStep(ctx, a, err)
}

// A stepError is that of a step's own function, which the step's policy is for.
type stepError struct{ err error }

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// retryStep records the failure of a step that has no effect outside of its
// transaction.
func (w *worker) retryStep(ctx context.Context, a *plan, err error) error {
	var failed *stepError
	if !errors.As(err, &failed) || !isOwn(ctx, err) {
		return err
	}
	return w.move(ctx, func(_ context.Context, t *tx.Tx, n *instance) error {
		r, over := w.enter(n, a, t.Now())
		r.Attempts++
		r.failed(connect.CodeOf(failed.err), plain(failed.Error()), false)
		n.note("refused", r, true)
		if !over && !a.exhausted(r, t.Now()) {
			n.release(a.again(r, t.Now()))
		}
		return nil
	})
}

// end ends the instance.
func (w *worker) end(ctx context.Context, t *tx.Tx, n *instance) error {
	outcome := OutcomeCompleted
	if n.Back {
		outcome = OutcomeCompensated
	}
	n.status, n.step, n.waiting = Status(outcome), "", ""
	n.Troubles, n.Trouble = 0, ""
	n.release(time.Time{})
	n.note(string(outcome), nil, false)
	if w.d.Ended == nil || n.Told == outcome {
		return nil
	}
	n.Told = outcome
	return w.contain(ctx, "end", func() error { return w.d.Ended(ctx, t, n.state, outcome, n.Cause) })
}

// trouble records that a function of the definition failed where there is
// nothing else to do than to run it again, and in the end leaves it to a
// person.
func (w *worker) trouble(ctx context.Context, cause error) error {
	w.cfg.Logger.WarnContext(ctx, "a function of a saga failed; it runs again later",
		"saga", w.in.saga, "instance", w.in.id, "step", w.in.step, "failures", w.in.Troubles+1, "error", cause)
	return w.move(ctx, func(_ context.Context, t *tx.Tx, n *instance) error {
		n.Troubles++
		n.Trouble = plain(cause.Error())
		n.news = append(n.news, Entry{Step: n.step, What: "trouble", Reason: n.Trouble})
		n.release(t.Now().Add(delay(bus.DefaultRetry, n.Troubles)))
		if n.Troubles >= bus.DefaultRetry.Attempts {
			n.stick(fmt.Errorf("gave up after %d failures: %w", n.Troubles, cause))
		}
		return nil
	})
}

// letGo gives the instance back when its engine stops. An attempt that was cut
// short does not count, and is made again at once.
func (w *worker) letGo(ctx context.Context) {
	if w.in.leased.IsZero() || w.in.state == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTime-attemptTime)
	defer cancel()
	err := w.move(ctx, func(_ context.Context, t *tx.Tx, n *instance) error {
		if r := n.record(n.step); r != nil && r.Calling {
			r.Calling, r.Unknown = false, r.Unknown || !n.fresh
			r.Attempts--
		}
		n.release(t.Now())
		return nil
	})
	if err != nil && !errors.Is(err, errLost) {
		w.cfg.Logger.WarnContext(ctx, "an instance could not be given back; it waits for the end of its lease",
			"saga", w.in.saga, "instance", w.in.id, "lease", leaseTime, "error", err)
	}
}
