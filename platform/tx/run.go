package tx

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// errHandlerTime ends the run of a handler.
var errHandlerTime = errors.New("the handler ran out of time")

// A run is one transaction of an applier.
type run struct {
	*applier
	part  []*bus.Delivery
	now   time.Time
	today database.Day
	facts []fact
	u     *database.Unit
	began time.Time // when the writer's turn came
	out   []outbox.Event
}

// prepare does what must be done before the transaction is open.
func (r *run) prepare(ctx context.Context) (err error) {
	if r.today, err = outbox.Prepare(ctx, r.s.db, r.now); err != nil {
		return err
	}
	r.facts, err = prepareInbox(ctx, r.s.db, r.part, r.now)
	return err
}

// open begins the transaction and moves the position to the end of the part.
func (r *run) open(ctx context.Context) (err error) {
	if r.u, err = r.s.db.Begin(ctx, database.Background); err != nil {
		return err
	}
	r.began = time.Now()
	r.s.hooks.Step(ctx, bus.ConsumeOpened)
	if err := fence(ctx, r.u, r.claim, r.after(len(r.part))); err != nil {
		r.u.Rollback()
		return err
	}
	r.s.hooks.Step(ctx, bus.ConsumeFenced)
	return nil
}

// after returns the position behind the first n deliveries.
func (r *run) after(n int) int64 { return r.part[n-1].Record.Offset + 1 }

// fast runs the part without savepoints: one statement for the inbox, the
// handlers, one for the outbox.
func (r *run) fast(ctx context.Context) (int, error) {
	if err := r.open(ctx); err != nil {
		return 0, err
	}
	defer r.u.Rollback()
	admitted, err := r.s.admit(ctx, r.u, r.consumer.Consumer, r.facts)
	if err != nil {
		return 0, r.timed(ctx, err)
	}
	r.s.hooks.Step(ctx, bus.ConsumeAdmitted)
	for i, d := range r.part {
		if !admitted[i] {
			r.s.duplicate(d)
			continue
		}
		out, err := r.deliver(ctx, i, d)
		if err != nil {
			return 0, err
		}
		r.out = append(r.out, out...)
	}
	return r.close(ctx, len(r.part))
}

// careful runs the part with a savepoint for each delivery, up to the first
// that fails, and commits those before it.
func (r *run) careful(ctx context.Context) (int, error) {
	if err := r.open(ctx); err != nil {
		return 0, err
	}
	defer r.u.Rollback()
	for i, d := range r.part {
		err := r.isolated(ctx, i, d)
		if err == nil {
			continue
		}
		var failed *deliveryFailure
		if !errors.As(err, &failed) || failed.ended || i == 0 {
			return 0, err
		}
		return r.keep(ctx, i, err)
	}
	return r.close(ctx, len(r.part))
}

// isolated runs one delivery between its savepoint and its release.
func (r *run) isolated(ctx context.Context, i int, d *bus.Delivery) error {
	if _, err := r.u.ExecContext(ctx, "SAVEPOINT pl_delivery"); err != nil {
		return r.timed(ctx, err)
	}
	admitted, err := r.s.admit(ctx, r.u, r.consumer.Consumer, r.facts[i:i+1])
	if err != nil {
		return r.timed(ctx, err)
	}
	var out []outbox.Event
	if !admitted[0] {
		r.s.duplicate(d)
	} else if out, err = r.deliver(ctx, i, d); err != nil {
		return err
	}
	if _, err := r.u.ExecContext(ctx, "RELEASE SAVEPOINT pl_delivery"); err != nil {
		return r.judge(ctx, ctx, i, err, err)
	}
	r.out = append(r.out, out...)
	return nil
}

// keep undoes delivery i, which failed with cause, and commits those before
// it.
func (r *run) keep(ctx context.Context, i int, cause error) (int, error) {
	if _, err := r.u.ExecContext(ctx, "ROLLBACK TO SAVEPOINT pl_delivery"); err != nil {
		return 0, r.timed(ctx, err)
	}
	moved := *r.claim
	moved.Next = r.after(len(r.part))
	if err := fence(ctx, r.u, &moved, r.after(i)); err != nil {
		return 0, r.timed(ctx, err)
	}
	n, err := r.close(ctx, i)
	if err != nil {
		return n, err
	}
	return n, cause
}

// close writes the outbox and commits the first n deliveries.
func (r *run) close(ctx context.Context, n int) (int, error) {
	if err := r.u.Flush(ctx); err != nil {
		return 0, r.timed(ctx, err)
	}
	r.s.hooks.Step(ctx, bus.ConsumeHandled)
	if err := outbox.Insert(ctx, r.s.db, r.u, r.today, r.out); err != nil {
		return 0, r.timed(ctx, err)
	}
	r.s.hooks.Step(ctx, bus.ConsumeStored)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := r.u.Commit(); err != nil {
		if r.s.db.Classify(err) != database.Refused {
			return 0, err // no delivery's fault
		}
		return 0, &deliveryFailure{index: -1, err: err, ended: true}
	}
	r.s.hooks.Step(ctx, bus.ConsumeCommitted)
	r.claim.Next = r.after(n)
	r.s.pace.ran(n, time.Since(r.began))
	if len(r.out) > 0 {
		r.s.db.Ring()
	}
	return n, nil
}

// deliver runs the handler for one delivery and returns what it published.
func (r *run) deliver(ctx context.Context, i int, d *bus.Delivery) ([]outbox.Event, error) {
	handling, cancel := context.WithTimeoutCause(withTx(bus.WithDelivery(ctx, d)), r.consumer.Deadline(), errHandlerTime)
	defer cancel()
	t := &Tx{
		ctx: handling, u: r.u, store: r.s, now: r.now, name: r.consumer.Consumer,
		queue: !r.savepoints && !r.direct, index: i,
		cause: cause{correlation: d.Event.Extension(event.ExtCorrelationID), causation: d.Event.ID},
	}
	if t.cause.correlation == "" {
		t.cause.correlation = d.Event.ID
	}
	var returned atomic.Bool
	defer returned.Store(true) // also when the handler ends its goroutine
	detach := context.AfterFunc(handling, func() {
		r.u.Rollback()
		time.AfterFunc(batchGrace, func() { r.stuck(d, &returned) })
	})
	err := r.s.observed(handling, d, func(ctx context.Context) error {
		m, err := d.Take(ctx)
		if err != nil {
			return err
		}
		return r.consumer.Handle(ctx, t, m)
	})
	detach()
	out, failed := t.end()
	if err == nil && failed == nil && handling.Err() == nil && !r.u.Ended() {
		return out, nil
	}
	return nil, r.judge(ctx, handling, i, err, failed)
}

// stuck reports a handler that ignores the end of its time.
func (r *run) stuck(d *bus.Delivery, returned *atomic.Bool) {
	if returned.Load() {
		return
	}
	r.s.log.Error("a handler has not returned after its time; its transaction is rolled back, and its partition waits for it",
		"consumer", r.consumer.Consumer, "event_id", d.Event.ID, "timeout", r.consumer.Deadline())
}

// observed runs a handler under the hooks and contains its panics.
func (s *Store) observed(ctx context.Context, d *bus.Delivery, handle func(context.Context) error) error {
	ctx, end := s.hooks.StartDelivery(ctx, d)
	err := bus.Contain(func() error { return handle(ctx) })
	end(err)
	return err
}

// judge decides what the failure of delivery i means: err is what the handler
// returned, failed what went wrong in its transaction.
func (r *run) judge(ctx, handling context.Context, i int, err, failed error) error {
	ended := r.u.Ended()
	var queued *database.QueueError
	switch {
	case errors.Is(context.Cause(handling), errHandlerTime):
		err = errors.Join(fmt.Errorf("%w (%v): %w", errHandlerTime, r.consumer.Deadline(), handling.Err()), err)
		return &deliveryFailure{index: i, err: err, ended: true}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(errors.Join(err, failed), &queued):
		return queued
	case failed != nil && r.s.db.Classify(failed) != database.Refused:
		return failed
	case err == nil:
		err = failed
	}
	return &deliveryFailure{index: i, err: err, ended: ended}
}

// timed returns the cause of the transaction's end instead of the error of the
// statement that it interrupted.
func (r *run) timed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
