package saga

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

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
