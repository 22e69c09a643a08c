package saga

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// maxTries is how often the transaction of a change is tried in a row while
// the database is in trouble.
const maxTries = 8

// A worker moves one instance.
type worker struct {
	*Engine
	d  *Definition
	in *instance // as it is in the database, as far as the worker knows
}

// A change is what one transaction does to an instance; it may run more than
// once, each time on a copy of its own.
type change func(ctx context.Context, t *tx.Tx, n *instance) error

// move makes one change and commits it, or fails with errLost, with the error
// of the database, or with that of a function of the definition.
func (w *worker) move(ctx context.Context, f change) error {
	var doubtful *instance // may have been committed
	for try := 1; ; try++ {
		n, err := w.try(ctx, f)
		switch {
		case err == nil:
			w.adopt(n)
			return nil
		case errors.Is(err, errLost):
			return w.settleDoubt(ctx, doubtful)
		case errors.Is(err, database.ErrCommitUnknown):
			doubtful = n
		case !errors.Is(err, tx.ErrUnavailable):
			return err
		}
		if try == maxTries || pause(ctx, try) != nil {
			return err
		}
	}
}

// try is one transaction.
func (w *worker) try(ctx context.Context, f change) (n *instance, err error) {
	_, _, err = w.cfg.Store.Command(ctx, tx.Command{
		Method: "saga " + w.in.saga, Correlation: w.in.correlation, Causation: w.in.causation,
	}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		n = w.in.clone()
		if err := n.fence(ctx, t.Conn()); err != nil {
			return nil, err
		}
		if err := f(ctx, t, n); err != nil {
			return nil, err
		}
		n.holder = w.id
		return nil, n.save(ctx, t.Conn(), t.Now())
	})
	return n, err
}

// settleDoubt finds out whether the change whose commit gave no answer is the
// one that is in the way.
func (w *worker) settleDoubt(ctx context.Context, doubtful *instance) error {
	if doubtful == nil {
		return errLost
	}
	found, err := read(ctx, w.cfg.DB.Reading(), w.in.saga, w.in.id)
	if err != nil {
		return err
	}
	if found == nil || found.version != doubtful.version || found.holder != w.id {
		return errLost
	}
	w.adopt(doubtful)
	return nil
}

// adopt goes on from a change that is committed.
func (w *worker) adopt(n *instance) {
	for i := range n.news {
		w.cfg.moved(n.saga, &n.news[i])
	}
	n.news = nil
	w.in = n
}

// pause waits for a random time that grows with the number of tries.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(time.Duration(rand.Int64N(int64(10*time.Millisecond) << try)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isOwn reports whether an error of move is that of a function of the
// definition, so that the same change fails again.
func isOwn(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.Is(err, errLost) && !errors.Is(err, tx.ErrUnavailable) && !errors.Is(err, database.ErrCommitUnknown) &&
		!errors.Is(err, context.DeadlineExceeded)
}

// lease keeps other engines from the instance.
func (in *instance) lease(now time.Time) {
	in.leased = now.Add(leaseTime)
	in.due = in.leased
	in.waiting = ""
}

// release has an engine look at the instance at the time due, or never when
// that is zero.
func (in *instance) release(due time.Time) {
	in.due, in.leased = due, time.Time{}
}

// contain runs a function of the definition.
func (w *worker) contain(ctx context.Context, what string, f func() error) error {
	err := bus.Contain(f)
	var p *bus.PanicError
	if errors.As(err, &p) {
		w.cfg.Logger.ErrorContext(ctx, "a function of a saga panicked",
			"saga", w.in.saga, "instance", w.in.id, "function", what, "panic", p.Error(), "stack", string(p.Stack))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
