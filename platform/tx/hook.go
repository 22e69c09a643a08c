package tx

import (
	"context"
	"errors"
	"log/slog"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// A DuplicateHook observes deliveries that the inbox has recognised. Hooks
// must return quickly.
type DuplicateHook interface {
	// Duplicate is called for an event that was published again: its handler
	// does not run.
	Duplicate(d *bus.Delivery)
}

func (s *settings) duplicate(d *bus.Delivery) {
	for _, h := range s.hooks {
		if hook, ok := h.(DuplicateHook); ok {
			hook.Duplicate(d)
		}
	}
}

// about names a delivery in the log. It quotes nothing of the event but its
// key, by which people look for it.
func about(d *bus.Delivery) []any {
	return []any{
		"consumer", d.Consumer, "topic", d.Record.Topic, "partition", d.Record.Partition, "offset", d.Record.Offset,
		"event_id", d.Event.ID, "key", string(d.Record.Key), "attempt", d.Attempt,
	}
}

// failed logs what becomes of a delivery and tells observers.
func (s *settings) failed(d *bus.Delivery, f bus.Failure) {
	level, msg := slog.LevelError, "delivery failed for good; it waits for a person"
	attrs := append(about(d), "outcome", f.Outcome.String(), "error", f.Err)
	if f.Outcome == bus.Retry {
		level, msg = slog.LevelWarn, "delivery failed; its key waits for it"
		attrs = append(attrs, "next_attempt", f.Next)
	}
	var p *bus.PanicError
	if errors.As(f.Err, &p) {
		level, attrs = slog.LevelError, append(attrs, "stack", string(p.Stack))
	}
	s.log.Log(context.Background(), level, msg, attrs...)
	s.hooks.Failed(d, f)
}

// released logs that a held delivery is settled and tells observers.
func (s *settings) released(d *bus.Delivery, why bus.Release) {
	s.log.Debug("held delivery is settled", append(about(d), "outcome", string(why))...)
	if why == bus.Duplicate {
		s.duplicate(d)
	}
	s.hooks.Released(d, why)
}
