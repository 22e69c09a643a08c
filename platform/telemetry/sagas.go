package telemetry

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulselearn/campus-hub/platform/saga"
)

// sagaInstruments are the metrics of sagas.
type sagaInstruments struct {
	calls     metric.Float64Histogram
	moves     metric.Int64Counter
	instances metric.Int64Gauge
	oldest    metric.Float64Gauge

	mu      sync.Mutex
	counted map[sagaStatus]bool // what has been reported
}

type sagaStatus struct{ saga, status string }

func newSagaInstruments(mk *maker) *sagaInstruments {
	return &sagaInstruments{
		calls:     mk.seconds("pl.saga.call.duration", "How long one attempt of a saga's call took, by saga, step and result."),
		moves:     mk.counter("pl.saga.moves", "What has happened to instances of sagas, by saga, step and what."),
		instances: mk.count("pl.saga.instances", "Instances of sagas that are not at their end, and those with parked steps, by saga and status."),
		oldest:    mk.gaugeSeconds("pl.saga.oldest", "How long ago the instance last changed that did so first, by saga and status."),
		counted:   map[sagaStatus]bool{},
	}
}

func (m *maker) count(name, description string) metric.Int64Gauge {
	g, err := m.meter.Int64Gauge(name, metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return g
}

func (m *maker) gaugeSeconds(name, description string) metric.Float64Gauge {
	g, err := m.meter.Float64Gauge(name, metric.WithUnit("s"), metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return g
}

// AttemptStarted implements [saga.AttemptHook]: a span for each call, as a
// child of the one that published the event which began the instance.
func (h *Hooks) AttemptStarted(ctx context.Context, a *saga.Attempt) (context.Context, func(result string, err error)) {
	start := time.Now()
	ctx = h.propagator.Extract(ctx, propagation.MapCarrier{"traceparent": a.TraceParent})
	ctx, span := h.tracer.Start(ctx, "saga "+a.Saga+" "+a.Step, trace.WithAttributes(
		attribute.String("pl.saga", a.Saga), attribute.String("pl.saga.instance", a.Instance), attribute.String("pl.saga.step", a.Step),
		attribute.Bool("pl.saga.undo", a.Undo), attribute.Int("pl.attempt", a.Number)))
	return ctx, func(result string, err error) {
		endSpan(span, err)
		h.sagas.calls.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attribute.String("saga", a.Saga),
			attribute.String("step", a.Step), attribute.Bool("undo", a.Undo), attribute.String("result", result)))
	}
}

// Moved implements [saga.MoveHook].
func (h *Hooks) Moved(name string, e *saga.Entry) {
	h.sagas.moves.Add(context.Background(), 1, metric.WithAttributes(
		attribute.String("saga", name), attribute.String("step", e.Step), attribute.String("what", e.What)))
}

// Counted implements [saga.CountHook]. A status that has no instances any more
// is reported as zero.
func (h *Hooks) Counted(names []string, counts []saga.Count) {
	h.sagas.mu.Lock()
	defer h.sagas.mu.Unlock()
	gone := map[sagaStatus]bool{}
	for k := range h.sagas.counted {
		for _, name := range names {
			gone[k] = gone[k] || k.saga == name
		}
	}
	for i := range counts {
		c := &counts[i]
		k := sagaStatus{c.Saga, string(c.Status)}
		if c.Parked {
			k.status = "parked"
		}
		delete(gone, k)
		h.sagas.counted[k] = true
		h.sagas.report(k, c.Instances, time.Since(c.Oldest).Seconds())
	}
	for k, is := range gone {
		if is {
			h.sagas.report(k, 0, 0)
		}
	}
}

func (s *sagaInstruments) report(k sagaStatus, instances int64, oldest float64) {
	labels := metric.WithAttributes(attribute.String("saga", k.saga), attribute.String("status", k.status))
	s.instances.Record(context.Background(), instances, labels)
	s.oldest.Record(context.Background(), oldest, labels)
}
