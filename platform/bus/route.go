package bus

import (
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// DefaultTimeout bounds a delivery whose route names no timeout.
const DefaultTimeout = 10 * time.Second

// A Route is one consumer: which topic it reads, and what its records decode
// into. Routes are generated and must not be changed once a router has them.
type Route struct {
	// Consumer is the consumer's name, <context>.<handler>. Its position and
	// its inbox are kept under this name, so a new name is a new consumer.
	Consumer string
	// Type is the event's description: its topic, and the reader's schema.
	Type *event.Type
	// New returns an empty message to decode into. It is safe for concurrent
	// use.
	New func() event.Message
	// Latest makes a consumer that has no position begin with the first record
	// published after it was assigned; otherwise it begins with the oldest.
	Latest bool
	// Timeout bounds the handler's run for one delivery; 0 means
	// [DefaultTimeout].
	Timeout time.Duration
}

// Deadline returns the route's timeout, or the default when it has none.
func (r *Route) Deadline() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultTimeout
}

// check reports what a router cannot work with.
func (r *Route) check() error {
	switch {
	case r.Consumer == "":
		return fmt.Errorf("bus: route without a consumer name")
	case r.Type == nil || r.Type.Topic == "":
		return fmt.Errorf("bus: route of consumer %s has no topic", r.Consumer)
	case r.New == nil:
		return fmt.Errorf("bus: route of consumer %s has no message constructor", r.Consumer)
	}
	return nil
}
