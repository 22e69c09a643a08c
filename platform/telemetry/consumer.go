package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// consumerMetrics are the instruments of the consuming side.
type consumerMetrics struct {
	runs      metric.Float64Histogram
	retries   metric.Int64Counter
	applied   metric.Int64Counter
	assigned  metric.Int64UpDownCounter
	batchTime metric.Float64Histogram
}

func newConsumerMetrics(m metric.Meter) (*consumerMetrics, error) {
	var c consumerMetrics
	var errs [5]error
	c.runs, errs[0] = m.Float64Histogram("pl.handler.duration", metric.WithUnit("s"),
		metric.WithDescription("How long one run of an event handler took, by consumer and outcome."))
	c.retries, errs[1] = m.Int64Counter("pl.delivery.retries",
		metric.WithDescription("Deliveries that failed, block their partition and will run again."))
	c.applied, errs[2] = m.Int64Counter("pl.delivery.applied",
		metric.WithDescription("Deliveries whose transaction committed."))
	c.assigned, errs[3] = m.Int64UpDownCounter("pl.consumer.partitions",
		metric.WithDescription("Partitions that this process works on."))
	c.batchTime, errs[4] = m.Float64Histogram("pl.batch.duration", metric.WithUnit("s"),
		metric.WithDescription("How long it took to apply a batch, transaction included."))
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// ConsumerHook observes deliveries: a span for each run of a handler, as a
// child of the span that published the event, and the consuming side's
// metrics. It implements the hook interfaces of package bus.
func (t *Telemetry) ConsumerHook() *ConsumerHook {
	return &ConsumerHook{tracer: t.tracer, propagator: t.propagator, metrics: t.consumers}
}

// A ConsumerHook is made by [Telemetry.ConsumerHook].
type ConsumerHook struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	metrics    *consumerMetrics
}

// DeliveryStarted implements [bus.DeliveryHook].
func (h *ConsumerHook) DeliveryStarted(ctx context.Context, d *bus.Delivery) (context.Context, func(error)) {
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
		h.metrics.runs.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(
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

// Retrying implements [bus.RetryHook].
func (h *ConsumerHook) Retrying(d *bus.Delivery, _ error, _ time.Time) {
	h.metrics.retries.Add(context.Background(), 1, metric.WithAttributes(attribute.String("consumer", d.Consumer)))
}

// BatchApplied implements [bus.BatchHook].
func (h *ConsumerHook) BatchApplied(p bus.Position, done int, took time.Duration) {
	consumer := metric.WithAttributes(attribute.String("consumer", p.Consumer))
	h.metrics.applied.Add(context.Background(), int64(done), consumer)
	h.metrics.batchTime.Record(context.Background(), took.Seconds(), consumer)
}

// Assigned implements [bus.AssignmentHook].
func (h *ConsumerHook) Assigned(c bus.Claim) { h.addPartitions(c.Position, 1) }

// Revoked implements [bus.AssignmentHook].
func (h *ConsumerHook) Revoked(p bus.Position) { h.addPartitions(p, -1) }

func (h *ConsumerHook) addPartitions(p bus.Position, n int64) {
	h.metrics.assigned.Add(context.Background(), n, metric.WithAttributes(attribute.String("consumer", p.Consumer)))
}
