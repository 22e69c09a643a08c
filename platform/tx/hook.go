package tx

import (
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

func (s *settings) duplicate(d *bus.Delivery) {
	for _, h := range s.hooks {
		if hook, ok := h.(DuplicateHook); ok {
			hook.Duplicate(d)
		}
	}
}
