package tx

import (
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// A DuplicateHook observes deliveries that the inbox has recognised. Hooks are
// called inside the transaction, which may still be rolled back, and must
// return quickly.
type DuplicateHook interface {
	// Duplicate is called for an event that was published again: its handler
	// does not run.
	Duplicate(d *bus.Delivery)
}

// A RelayHook observes a relay.
type RelayHook interface {
	// Relayed is called after the broker has taken n events of a shard and the
	// outbox knows; oldest is how long the first of them has waited.
	Relayed(shard, n int, oldest time.Duration)
	// RelayFailed is called when a shard has stopped and will read its rows
	// again at the time next.
	RelayFailed(shard int, err error, next time.Time)
}

func (s *settings) duplicate(d *bus.Delivery) {
	for _, h := range s.hooks {
		if hook, ok := h.(DuplicateHook); ok {
			hook.Duplicate(d)
		}
	}
}

func (s *settings) relayed(shard, n int, oldest time.Duration) {
	for _, h := range s.hooks {
		if hook, ok := h.(RelayHook); ok {
			hook.Relayed(shard, n, oldest)
		}
	}
}

func (s *settings) relayFailed(shard int, err error, next time.Time) {
	for _, h := range s.hooks {
		if hook, ok := h.(RelayHook); ok {
			hook.RelayFailed(shard, err, next)
		}
	}
}
