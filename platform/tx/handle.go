package tx

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// returnGrace is how long a handler whose time is up may take to return before
// the batch goes on without it.
const returnGrace = 2 * time.Second

var (
	// errHandlerTime ends the run of a handler.
	errHandlerTime = errors.New("the handler ran out of time")
	// errStuck is the failure of a handler that ignores that.
	errStuck = errors.New("the handler has not returned after its context had ended; it must watch ctx.Done()")
	// errExit is the failure of a handler that ends its goroutine.
	errExit = errors.New("the handler ended its goroutine with runtime.Goexit, as t.FailNow does; it should return an error")
	// errUncalled means that the inbox knew an event and then did not: its day
	// was dropped in between.
	errUncalled = errors.New("the inbox has forgotten the event in between")
	// errAbandoned ends the goroutine of a handler that has returned too late.
	errAbandoned = errors.New("abandoned")
)

// A watch tells apart a handler that returns and one that is abandoned: only
// one of the two happens.
type watch struct{ state atomic.Int32 }

const (
	watching = iota
	hasReturned
	wasAbandoned
)

// returned reports whether somebody still waits for the handler.
func (w *watch) returned() bool {
	return w.state.CompareAndSwap(watching, hasReturned) || w.state.Load() == hasReturned
}

func (w *watch) abandon() bool { return w.state.CompareAndSwap(watching, wasAbandoned) }

// apart runs body, which runs handlers, in a goroutine of its own, so that a
// handler that does not return keeps nobody. What an abandoned body would
// still do touches nothing that others use: its transaction is over.
func (r *run) apart(ctx context.Context, body func(context.Context) error) (abandoned bool, err error) {
	done := make(chan error, 1)
	go func() {
		err := errExit
		defer func() { done <- r.exited(err) }()
		err = bus.Contain(func() error { return body(ctx) })
	}()
	select {
	case err := <-done:
		if errors.Is(err, errAbandoned) { // in this very moment
			return true, r.stuck(ctx, <-r.left)
		}
		return false, err
	case i := <-r.left:
		return true, r.stuck(ctx, i)
	}
}

// exited says whose failure it is that the goroutine was ended.
func (r *run) exited(err error) error {
	if !errors.Is(err, errExit) || r.at < 0 {
		return err
	}
	return &deliveryFailure{index: r.at, err: err, ended: true}
}

// stuck says what it means that the handler of delivery i does not return.
func (r *run) stuck(ctx context.Context, i int) error {
	r.s.abandon(r.part[i].Delivery, r.consumer.Deadline())
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errBatchTime) {
		return context.Cause(ctx)
	}
	return &deliveryFailure{index: i, err: fmt.Errorf("%w (timeout %v)", errStuck, r.consumer.Deadline()), ended: true}
}

// abandon counts a handler that does not return, and tells everybody.
func (s *Store) abandon(d *bus.Delivery, timeout time.Duration) {
	stuck := int(s.stuck.Add(1))
	s.log.Error("a handler has not returned after its time; going on without it", append(about(d), "timeout", timeout, "stuck_handlers", stuck)...)
	s.hooks.Abandoned(d, stuck)
}

// deliver runs the handler for delivery i and returns what it published.
func (r *run) deliver(ctx context.Context, i int) ([]outbox.Event, error) {
	r.at = i
	it := r.part[i]
	handling, cancel := context.WithTimeoutCause(withTx(bus.WithDelivery(ctx, it.Delivery)), r.consumer.Deadline(), errHandlerTime)
	defer cancel()
	t := r.tx(handling, i)
	var w watch
	defer w.returned() // also when the handler ends its goroutine
	began := time.Now()
	detach := context.AfterFunc(handling, func() {
		time.AfterFunc(r.patience(handling, began), func() {
			if w.abandon() {
				r.left <- i
			}
		})
		r.u.Rollback()
	})
	err := r.s.observed(handling, it.Delivery, func(ctx context.Context) error { return r.handle(ctx, t, it) })
	if !w.returned() {
		r.s.stuck.Add(-1)
		return nil, errAbandoned
	}
	detach()
	r.at = -1
	out, failed := t.end()
	if err == nil && failed == nil && handling.Err() == nil && !r.u.Ended() {
		r.pass(it)
		return out, nil
	}
	err = r.judge(ctx, handling, i, err, failed)
	var failure *deliveryFailure
	if errors.As(err, &failure) {
		failure.clean = !failure.ended && t.clean()
	}
	return nil, err
}

// patience returns how long a handler is waited for whose context has ended.
// When that was for the sake of the others in its batch, it may use up its own
// time.
func (r *run) patience(handling context.Context, began time.Time) time.Duration {
	if errors.Is(context.Cause(handling), errBatchTime) {
		return time.Until(began.Add(r.consumer.Deadline())) + returnGrace
	}
	return returnGrace
}

// handle runs the handler, or after an external one what it left to do.
func (r *run) handle(ctx context.Context, t *Tx, it *item) error {
	if r.consumer.External != nil {
		if it.call == nil {
			return errUncalled
		}
		return it.call.settle(ctx, t)
	}
	m, err := it.Take(ctx)
	if err != nil {
		return err
	}
	return r.consumer.Handle(ctx, t, m)
}

func (r *run) tx(ctx context.Context, i int) *Tx {
	e := &r.part[i].Event
	t := &Tx{
		ctx: ctx, u: r.u, store: r.s, now: r.now, name: r.consumer.Consumer,
		queue: !r.savepoints && !r.direct, index: i,
		cause: cause{correlation: e.Extension(event.ExtCorrelationID), causation: e.ID},
	}
	if t.cause.correlation == "" {
		t.cause.correlation = e.ID
	}
	return t
}

// observed runs a handler under the hooks and contains its panics.
func (s *Store) observed(ctx context.Context, d *bus.Delivery, handle func(context.Context) error) error {
	ctx, end := s.hooks.StartDelivery(ctx, d)
	err := bus.Contain(func() error { return handle(ctx) })
	end(err)
	return err
}
