package bus

import (
	"cmp"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// DefaultTimeout bounds a delivery whose route names no timeout.
const DefaultTimeout = 10 * time.Second

// DefaultRetry is what a route gets for what its own Retry leaves out:
// fifteen attempts in about an hour.
var DefaultRetry = RetryPolicy{Attempts: 15, First: 500 * time.Millisecond, Max: 15 * time.Minute}

// What a route holds when it does not say: the most deliveries that wait
// behind a failed one of their key, and the most of one partition.
const (
	DefaultKeyLimit  = 1_000
	DefaultHoldLimit = 10_000
)

// A RetryPolicy says how often a delivery is tried. The delay doubles from
// First to Max, with jitter. A zero field means that of [DefaultRetry].
type RetryPolicy struct {
	// Attempts is how often the handler runs in all, the first time included.
	Attempts int
	// First is the delay behind the first attempt, Max the longest.
	First, Max time.Duration
}

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
	// Retry says how often a delivery that fails is tried before it is dead.
	Retry RetryPolicy
	// SkipDead lets later records of a key go on when one of them is dead or
	// parked; otherwise they wait until it is redriven with success, or dropped.
	SkipDead bool
	// KeyLimit and HoldLimit are the most deliveries that wait, of one key and
	// of one partition, before the partition pauses; 0 means the default.
	KeyLimit, HoldLimit int
}

// Deadline returns the route's timeout, or the default when it has none.
func (r *Route) Deadline() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultTimeout
}

// RetryPolicy returns the route's retry policy, with the defaults for what it
// leaves out.
func (r *Route) RetryPolicy() RetryPolicy {
	return RetryPolicy{
		Attempts: cmp.Or(r.Retry.Attempts, DefaultRetry.Attempts),
		First:    cmp.Or(r.Retry.First, DefaultRetry.First),
		Max:      cmp.Or(r.Retry.Max, DefaultRetry.Max),
	}
}

// Limits returns the most deliveries that wait, of one key and of one
// partition.
func (r *Route) Limits() (key, partition int) {
	return cmp.Or(r.KeyLimit, DefaultKeyLimit), cmp.Or(r.HoldLimit, DefaultHoldLimit)
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
