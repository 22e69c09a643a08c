package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Consumers returns the consumers of the events that the sagas of one context
// begin with and wait for, one a topic. They belong into the context's
// [tx.Service].
func Consumers(definitions ...Definition) []tx.Consumer {
	var all []tx.Consumer
	handlers := map[string][]tx.Handler{} // by topic
	add := func(e *Event, h tx.Handler) {
		topic := e.Route.Type.Topic
		if handlers[topic] == nil {
			all = append(all, tx.Consumer{Route: e.Route})
		}
		handlers[topic] = append(handlers[topic], h)
	}
	for i := range definitions {
		d := &definitions[i]
		add(&d.Start, d.begin)
		for j := range d.Steps {
			if s := &d.Steps[j]; s.Await != nil {
				add(s.Await, func(ctx context.Context, t *tx.Tx, e event.Message) error { return d.keep(ctx, t, s, e) })
			}
		}
	}
	for i := range all {
		all[i].Handle = inTurn(handlers[all[i].Type.Topic])
	}
	return all
}

func inTurn(handlers []tx.Handler) tx.Handler {
	return func(ctx context.Context, t *tx.Tx, e event.Message) error {
		for _, handle := range handlers {
			if err := handle(ctx, t, e); err != nil {
				return err
			}
		}
		return nil
	}
}

var errNoKey = errors.New("the event has no key that an instance could be found by")

// begin is the handler of the start event.
func (d *Definition) begin(ctx context.Context, t *tx.Tx, e event.Message) error {
	key := d.Start.Key(e)
	if key == "" {
		return bus.Reject(fmt.Errorf("saga %s: %w", d.Name, errNoKey))
	}
	in := d.newInstance(ctx, key, t.Now())
	created, err := database.Changed(ctx, t.Conn(), `INSERT INTO pl_saga (`+columns+`, parked)
		VALUES ($1, $2, $3, 1, $4, '', '', NULL, NULL, '', $5, $6, $7, '{}', $8, $9, $10, $11, $11, 0)
		ON CONFLICT (saga, id) DO NOTHING`,
		in.saga, in.id, in.key, string(in.status), in.deadline, in.stateType, in.data, in.correlation, in.causation, in.traceParent, in.started)
	if err != nil {
		return fmt.Errorf("saga %s: begin an instance: %w", d.Name, err)
	}
	if created == 0 {
		return nil
	}
	if d.Start.Apply != nil {
		if err := d.Start.Apply(ctx, t, in.state, e); err != nil {
			return fmt.Errorf("saga %s: take the start event: %w", d.Name, err)
		}
	}
	in.due = t.Now()
	in.note("began", nil, false)
	if err := in.save(ctx, t.Conn(), t.Now()); err != nil {
		return fmt.Errorf("saga %s: begin an instance: %w", d.Name, err)
	}
	return nil
}

func (d *Definition) newInstance(ctx context.Context, key string, now time.Time) *instance {
	in := &instance{
		saga: d.Name, id: InstanceID(d.Name, key), key: key, version: 1, status: StatusRunning,
		deadline: now.Add(d.Deadline), state: d.NewState(), data: []byte{}, started: now,
	}
	in.stateType = string(proto.MessageName(in.state))
	in.causation = event.NewID()
	if delivery := bus.DeliveryFrom(ctx); delivery != nil {
		in.causation = delivery.Event.ID
		in.correlation = delivery.Event.Extension(event.ExtCorrelationID)
		in.traceParent = delivery.Event.Extension(event.ExtTraceParent)
	}
	if in.correlation == "" {
		in.correlation = in.causation
	}
	return in
}

// keep is the handler of an awaited event: it stores the event, and has an
// engine look at the instance if that waits for it. An instance that is at its
// end needs no event. Of several events for a step the first counts.
//
// The change of the instance's row waits for an engine that is making the
// instance wait at this moment, and the engine waits for the handler, so that
// one of them sees the other.
func (d *Definition) keep(ctx context.Context, t *tx.Tx, s *Step, e event.Message) error {
	key := s.Await.Key(e)
	delivery := bus.DeliveryFrom(ctx)
	if key == "" || delivery == nil || delivery.Record == nil {
		return bus.Reject(fmt.Errorf("saga %s, step %s: %w", d.Name, s.Name, errNoKey))
	}
	id := InstanceID(d.Name, key)
	var status Status
	_, err := database.Scan(ctx, t.Conn(), `UPDATE pl_saga SET due_at = CASE WHEN waiting = $3 THEN $4 ELSE due_at END
		WHERE saga = $1 AND id = $2 RETURNING status`, []any{d.Name, id, s.Name, t.Now()}, &status)
	if err != nil || status.Ended() {
		return wrap(err, "saga %s: wake the instance of an event", d.Name)
	}
	headers, err := json.Marshal(delivery.Record.Headers)
	if err != nil {
		return wrap(err, "saga %s: encode the headers of an event", d.Name)
	}
	_, err = t.Conn().ExecContext(ctx, `INSERT INTO pl_saga_event (saga, instance, step, topic, headers, value, time, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (saga, instance, step) DO NOTHING`,
		d.Name, id, s.Name, delivery.Record.Topic, string(headers), delivery.Record.Value, delivery.Record.Time.UTC(), t.Now().Add(d.Deadline))
	return wrap(err, "saga %s: keep an event", d.Name)
}

// wrap returns nil for nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

type stepKey struct{}

// StepKey returns the Idempotency-Key of the step whose [Call.Request] runs, or
// of the one that it undoes. It is "" for what undoes the start, and outside of
// Request.
func StepKey(ctx context.Context) string {
	key, _ := ctx.Value(stepKey{}).(string)
	return key
}

func withStepKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, stepKey{}, key)
}
