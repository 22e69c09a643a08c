package saga

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// await takes the event that a step waits for, or waits for it.
func (w *worker) await(ctx context.Context, a *plan) error {
	kept, err := w.kept(ctx, a)
	var unreadable *stepError
	switch {
	case errors.As(err, &unreadable):
		return w.retryStep(ctx, a, err)
	case err != nil:
		return w.postpone(ctx, a, err)
	}
	if kept == nil {
		return w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error { return w.wait(ctx, t, n, a) })
	}
	err = w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error { return w.take(ctx, t, n, a, kept) })
	return w.retryStep(ctx, a, err)
}

// postpone waits for what keeps an event from being read: the registry, which
// has the writer's schema, or the database. That is no attempt.
func (w *worker) postpone(ctx context.Context, a *plan, cause error) error {
	w.report(ctx, w.in.saga, w.in.id, cause)
	return w.move(ctx, func(ctx context.Context, t *tx.Tx, n *instance) error {
		r, failed := w.enter(n, a, t.Now())
		if failed {
			return w.fail(ctx, t, n, a)
		}
		n.release(minTime(t.Now().Add(leaseTime), r.Deadline))
		return nil
	})
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// wait makes the instance wait, unless an event has just come.
func (w *worker) wait(ctx context.Context, t *tx.Tx, n *instance, a *plan) error {
	r, failed := w.enter(n, a, t.Now())
	come, err := hasEvent(ctx, t.Conn(), n, a.name)
	switch {
	case err != nil || come:
		return err
	case failed:
		return w.fail(ctx, t, n, a)
	}
	n.waiting = a.name
	n.release(r.Deadline)
	n.note("waiting", r, false)
	return nil
}

func (w *worker) take(ctx context.Context, t *tx.Tx, n *instance, a *plan, e event.Message) error {
	r, _ := w.enter(n, a, t.Now())
	if a.exhausted(r, t.Now()) {
		return w.fail(ctx, t, n, a)
	}
	if err := dropEvent(ctx, t.Conn(), n, a.name); err != nil {
		return err
	}
	r.Attempts++
	if apply := a.step.Await.Apply; apply != nil {
		if err := w.contain(ctx, "event of step "+a.name, func() error { return apply(ctx, t, n.state, e) }); err != nil {
			return &stepError{err}
		}
	}
	n.settle(a, t.Now())
	return nil
}

// kept returns the event that was kept for a step, or nil.
func (w *worker) kept(ctx context.Context, a *plan) (event.Message, error) {
	var rec *driver.Record
	err := database.Each(ctx, w.cfg.DB.Reading(), `SELECT topic, headers, value, time FROM pl_saga_event
		WHERE saga = $1 AND instance = $2 AND step = $3`, []any{w.in.saga, w.in.id, a.name}, func(rows *sql.Rows) error {
		var headers []byte
		rec = new(driver.Record)
		if err := rows.Scan(&rec.Topic, &headers, &rec.Value, &rec.Time); err != nil {
			return err
		}
		return json.Unmarshal(headers, &rec.Headers)
	})
	if err != nil {
		return nil, fmt.Errorf("read the event that was kept for step %s: %w", a.name, err)
	}
	if rec == nil {
		return nil, nil
	}
	var d bus.Delivery
	if err := w.cfg.Decoder.Decode(ctx, &a.step.Await.Route, rec, &d); err != nil {
		return nil, fmt.Errorf("decode the event that was kept for step %s: %w", a.name, err)
	}
	if d.Err != nil {
		return nil, &stepError{fmt.Errorf("decode the event that was kept for step %s: %w", a.name, d.Err)}
	}
	return d.Message, nil
}

func hasEvent(ctx context.Context, c database.Conn, in *instance, step string) (bool, error) {
	var topic string
	found, err := database.Scan(ctx, c, `SELECT topic FROM pl_saga_event WHERE saga = $1 AND instance = $2 AND step = $3`,
		[]any{in.saga, in.id, step}, &topic)
	return found, wrap(err, "look for an event for step %s", step)
}

func dropEvent(ctx context.Context, c database.Conn, in *instance, step string) error {
	_, err := c.ExecContext(ctx, `DELETE FROM pl_saga_event WHERE saga = $1 AND instance = $2 AND step = $3`, in.saga, in.id, step)
	return wrap(err, "take the event of step %s", step)
}
