package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// Hooks observe what the runtime does with events: a span for each run of a
// handler, as a child of the span that published the event, and the metrics of
// consumers and relays. They implement the hook interfaces of packages bus and
// tx.
type Hooks struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	*instruments
	context attribute.KeyValue // on what the relay counts

	mu      sync.Mutex
	claimed map[bus.Position]bool
}

// Hooks returns the hooks of a context, one set for each that a process runs.
func (t *Telemetry) Hooks(name string) *Hooks {
	return &Hooks{tracer: t.tracer, propagator: t.propagator, instruments: t.instruments,
		context: attribute.String("context", name), claimed: map[bus.Position]bool{}}
}

// DeliveryStarted implements [bus.DeliveryHook].
func (h *Hooks) DeliveryStarted(ctx context.Context, d *bus.Delivery) (context.Context, func(error)) {
	start := time.Now()
	ctx = h.propagator.Extract(ctx, propagation.MapCarrier{
		"traceparent": d.Event.Extension(event.ExtTraceParent),
		"tracestate":  d.Event.Extension(event.ExtTraceState),
	})
	ctx, span := h.tracer.Start(ctx, "process "+d.Record.Topic, trace.WithSpanKind(trace.SpanKindConsumer))
	if span.IsRecording() {
		span.SetAttributes(deliveryAttributes(d)...)
	}
	return ctx, func(err error) {
		endSpan(span, err)
		h.runs.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(
			attribute.String("consumer", d.Consumer), attribute.String("outcome", outcomeText(err))))
	}
}

func deliveryAttributes(d *bus.Delivery) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", d.Record.Topic),
		attribute.Int("messaging.destination.partition.id", int(d.Record.Partition)),
		attribute.Int64("messaging.kafka.offset", d.Record.Offset),
		attribute.String("messaging.message.id", d.Event.ID),
		attribute.String("pl.consumer", d.Consumer),
		attribute.Int("pl.attempt", d.Attempt),
	}
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, outcomeText(err))
		span.RecordError(err)
	}
	span.End()
}

func outcomeText(err error) string {
	if err == nil {
		return "done"
	}
	outcome, _ := bus.OutcomeOf(err)
	return outcome.String()
}

// Failed implements [bus.HoldHook].
func (h *Hooks) Failed(d *bus.Delivery, f bus.Failure) {
	h.failures.Add(context.Background(), 1, metric.WithAttributes(
		attribute.String("consumer", d.Consumer), attribute.String("outcome", f.Outcome.String())))
}

// Queued implements [bus.HoldHook].
func (h *Hooks) Queued(d *bus.Delivery) {
	h.queued.Add(context.Background(), 1, metric.WithAttributes(attribute.String("consumer", d.Consumer)))
}

// Released implements [bus.HoldHook].
func (h *Hooks) Released(d *bus.Delivery, why bus.Release) {
	h.released.Add(context.Background(), 1, metric.WithAttributes(
		attribute.String("consumer", d.Consumer), attribute.String("outcome", string(why))))
}

// Paused implements [bus.PauseHook].
func (h *Hooks) Paused(p bus.Position, _ error) { h.addPaused(p, 1) }

// Resumed implements [bus.PauseHook].
func (h *Hooks) Resumed(p bus.Position) { h.addPaused(p, -1) }

func (h *Hooks) addPaused(p bus.Position, n int64) {
	h.paused.Add(context.Background(), n, metric.WithAttributes(attribute.String("consumer", p.Consumer)))
}

// Abandoned implements [bus.AbandonHook].
func (h *Hooks) Abandoned(d *bus.Delivery, _ int) {
	h.abandoned.Add(context.Background(), 1, metric.WithAttributes(attribute.String("consumer", d.Consumer)))
}

// BatchApplied implements [bus.BatchHook].
func (h *Hooks) BatchApplied(p bus.Position, done int, took time.Duration) {
	consumer := metric.WithAttributes(attribute.String("consumer", p.Consumer))
	h.applied.Add(context.Background(), int64(done), consumer)
	h.batchTime.Record(context.Background(), took.Seconds(), consumer)
}

// Assigned implements [bus.AssignmentHook]. A position that is claimed anew
// counts once.
func (h *Hooks) Assigned(c bus.Claim) {
	h.claims.Add(context.Background(), 1, metric.WithAttributes(attribute.String("consumer", c.Consumer)))
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.claimed[c.Position] {
		h.claimed[c.Position] = true
		h.addPartitions(c.Position, 1)
	}
}

// Revoked implements [bus.AssignmentHook].
func (h *Hooks) Revoked(p bus.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.claimed[p] {
		delete(h.claimed, p)
		h.addPartitions(p, -1)
	}
}

func (h *Hooks) addPartitions(p bus.Position, n int64) {
	h.assigned.Add(context.Background(), n, metric.WithAttributes(attribute.String("consumer", p.Consumer)))
}

// Duplicate implements the hook of package tx.
func (h *Hooks) Duplicate(d *bus.Delivery) {
	h.duplicates.Add(context.Background(), 1, metric.WithAttributes(attribute.String("consumer", d.Consumer)))
}

// Relayed implements the hook of package tx.
func (h *Hooks) Relayed(_, n int, oldest time.Duration) {
	of := metric.WithAttributes(h.context)
	h.relayed.Add(context.Background(), int64(n), of)
	h.relayDelay.Record(context.Background(), oldest.Seconds(), of)
}

// RelayFailed implements the hook of package tx.
func (h *Hooks) RelayFailed(shard int, _ error, _ time.Time) {
	h.relayFailures.Add(context.Background(), 1, metric.WithAttributes(h.context, attribute.Int("shard", shard)))
}
