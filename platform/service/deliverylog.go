package service

import (
	"context"
	"log/slog"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// deliveryLog writes a line for each run of a handler, at level debug. It
// names the event and quotes nothing of it.
type deliveryLog struct{ log *slog.Logger }

// DeliveryStarted implements [bus.DeliveryHook].
func (l deliveryLog) DeliveryStarted(ctx context.Context, d *bus.Delivery) (context.Context, func(error)) {
	l.write(ctx, "handling", d)
	return ctx, func(error) {}
}

// Duplicate implements [tx.DuplicateHook].
func (l deliveryLog) Duplicate(d *bus.Delivery) {
	l.write(context.Background(), "published again; applied before", d)
}

func (l deliveryLog) write(ctx context.Context, msg string, d *bus.Delivery) {
	l.log.LogAttrs(ctx, slog.LevelDebug, msg,
		slog.String("consumer", d.Consumer), slog.String("event_id", d.Event.ID),
		slog.String("topic", d.Record.Topic), slog.Int("partition", int(d.Record.Partition)),
		slog.Int64("offset", d.Record.Offset), slog.Int("attempt", d.Attempt))
}
