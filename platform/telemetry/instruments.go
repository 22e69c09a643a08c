package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments are the process's own metrics.
type instruments struct {
	runs          metric.Float64Histogram
	failures      metric.Int64Counter
	queued        metric.Int64Counter
	released      metric.Int64Counter
	abandoned     metric.Int64Counter
	paused        metric.Int64UpDownCounter
	applied       metric.Int64Counter
	duplicates    metric.Int64Counter
	assigned      metric.Int64UpDownCounter
	claims        metric.Int64Counter
	batchTime     metric.Float64Histogram
	relayed       metric.Int64Counter
	relayFailures metric.Int64Counter
	relayDelay    metric.Float64Histogram

	callRetries, callTimeouts, callRejections, callFallbacks, callRefusals metric.Int64Counter
	breakers                                                               metric.Int64Gauge
	sagas                                                                  *sagaInstruments
}

func newInstruments(m metric.Meter) (*instruments, error) {
	mk := &maker{meter: m}
	i := &instruments{
		runs:          mk.seconds("pl.handler.duration", "How long one run of an event handler took, by consumer and outcome."),
		failures:      mk.counter("pl.delivery.failures", "Deliveries that failed and are held, by outcome: retry, dead, parked."),
		queued:        mk.counter("pl.hold.queued", "Deliveries that wait in the hold behind another one of their key."),
		released:      mk.counter("pl.hold.released", "Deliveries that have left the hold, by outcome: applied, duplicate, dropped."),
		abandoned:     mk.counter("pl.handler.abandoned", "Handlers that did not return after their time."),
		applied:       mk.counter("pl.delivery.settled", "Deliveries that the position has moved past: applied or held."),
		duplicates:    mk.counter("pl.delivery.duplicates", "Deliveries of events that were published again and had been applied."),
		batchTime:     mk.seconds("pl.batch.duration", "How long it took to apply a batch, transaction included."),
		relayed:       mk.counter("pl.outbox.published", "Events that the relay has published."),
		relayFailures: mk.counter("pl.outbox.failures", "Times that the relay stopped and read its rows again."),
		relayDelay:    mk.seconds("pl.outbox.delay", "How long the oldest event of a published batch had waited in the outbox."),

		claims: mk.counter("pl.consumer.claims", "Times that a position was taken over, which raises its epoch."),

		callRetries:    mk.counter("pl.call.retries", "Repeated attempts of calls to other contexts."),
		callTimeouts:   mk.counter("pl.call.timeouts", "Attempts that took longer than their policy allows."),
		callRejections: mk.counter("pl.call.rejections", "Calls that were not sent, by policy: breaker or max_concurrent."),
		callFallbacks:  mk.counter("pl.call.fallbacks", "Calls that a fallback answered."),
		callRefusals:   mk.counter("pl.call.refusals", "Calls that their callers may not make, by code: unauthenticated or permission_denied; unavailable when that could not be told."),
	}
	var err error
	i.breakers, err = m.Int64Gauge("pl.call.breaker", metric.WithDescription("State of a circuit breaker: 0 closed, 1 half-open, 2 open."))
	mk.errs = append(mk.errs, err)
	i.sagas = newSagaInstruments(mk)
	i.assigned, err = m.Int64UpDownCounter("pl.consumer.partitions",
		metric.WithDescription("Partitions that this process works on."))
	mk.errs = append(mk.errs, err)
	i.paused, err = m.Int64UpDownCounter("pl.consumer.paused",
		metric.WithDescription("Partitions that take no fresh deliveries: too many are held, or nearly all fail."))
	return i, errors.Join(append(mk.errs, err)...)
}

// durations are the buckets of durations, in seconds: from a handler that only
// reads to one that runs into its timeout. OpenTelemetry's own are meant for
// milliseconds.
var durations = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// A maker makes instruments and keeps their errors.
type maker struct {
	meter metric.Meter
	errs  []error
}

func (m *maker) counter(name, description string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithDescription(description))
	m.errs = append(m.errs, err)
	return c
}

func (m *maker) seconds(name, description string) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(durations...))
	m.errs = append(m.errs, err)
	return h
}
