package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A Backlog is what waits in one context's database.
type Backlog struct {
	// Unpublished counts the events in the outbox that the broker does not
	// have, and OldestUnpublished is how long the oldest has waited.
	Unpublished       int64
	OldestUnpublished time.Duration
	// Held says what is held, by consumer.
	Held map[string]Held
}

// Held is what is held of one consumer.
type Held struct {
	// States counts the deliveries by state: held, dead, parked.
	States map[string]int64
	// BlockedKeys counts the keys whose deliveries wait for one of them, and
	// OldestBlocked is how long the first has waited.
	BlockedKeys   int64
	OldestBlocked time.Duration
}

// gauges show backlogs.
type gauges struct {
	unpublished, held, blocked metric.Int64Gauge
	oldest, oldestBlocked      metric.Float64Gauge
}

func newGauges(m metric.Meter) (*gauges, error) {
	g, errs := &gauges{}, make([]error, 5)
	g.unpublished, errs[0] = m.Int64Gauge("pl.outbox.unpublished",
		metric.WithDescription("Events in the outbox that the broker does not have yet."))
	g.oldest, errs[1] = m.Float64Gauge("pl.outbox.oldest", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest unpublished event has waited; 0 when there is none."))
	g.held, errs[2] = m.Int64Gauge("pl.hold.deliveries",
		metric.WithDescription("Deliveries in the hold, by consumer and state: held, dead, parked."))
	g.blocked, errs[3] = m.Int64Gauge("pl.hold.blocked.keys",
		metric.WithDescription("Keys whose deliveries wait for one that failed, by consumer."))
	g.oldestBlocked, errs[4] = m.Float64Gauge("pl.hold.blocked.oldest", metric.WithUnit("s"),
		metric.WithDescription("How long the key that is blocked for longest has waited, by consumer; 0 when none is."))
	return g, errors.Join(errs...)
}

// states are those whose count is shown, also when it is 0.
var states = []string{"held", "dead", "parked"}

// ShowBacklog sets the gauges of a context. consumers are those that it has:
// their gauges are 0 when nothing is held.
func (t *Telemetry) ShowBacklog(name string, consumers []string, b Backlog) {
	ctx := context.Background()
	of := metric.WithAttributes(attribute.String("context", name))
	t.gauges.unpublished.Record(ctx, b.Unpublished, of)
	t.gauges.oldest.Record(ctx, b.OldestUnpublished.Seconds(), of)
	for _, consumer := range consumers {
		held := b.Held[consumer]
		own := attribute.String("consumer", consumer)
		for _, state := range states {
			t.gauges.held.Record(ctx, held.States[state], metric.WithAttributes(own, attribute.String("state", state)))
		}
		t.gauges.blocked.Record(ctx, held.BlockedKeys, metric.WithAttributes(own))
		t.gauges.oldestBlocked.Record(ctx, held.OldestBlocked.Seconds(), metric.WithAttributes(own))
	}
}
