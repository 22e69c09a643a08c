package bus

import (
	"context"
	"time"
)

// Hooks observe deliveries. Each element implements one or more of the hook
// interfaces of this package; others are ignored. Hooks are called in order,
// from many goroutines at once, and must return quickly.
type Hooks []any

// A DeliveryHook observes the runs of handlers. The [Store] calls it, through
// [Hooks.StartDelivery], around each run, reruns after a rollback included.
type DeliveryHook interface {
	// DeliveryStarted is called before the handler. The handler runs in the
	// context that it returns; end is called with the handler's error.
	DeliveryStarted(ctx context.Context, d *Delivery) (_ context.Context, end func(error))
}

// A Failure is what becomes of a delivery that has failed.
type Failure struct {
	// Err is why it failed.
	Err error
	// Outcome is Retry when the handler runs again at Next, and otherwise
	// where the delivery waits for a person.
	Outcome Outcome
	Next    time.Time
}

// A Release says why a delivery has left the hold.
type Release string

// The reasons why deliveries leave the hold.
const (
	Applied   Release = "applied"   // its handler has succeeded
	Duplicate Release = "duplicate" // another delivery of the event was applied
	Dropped   Release = "dropped"   // a person has given it up
)

// A HoldHook observes deliveries on their way into the hold and out of it. The
// [Store] calls it after the commit.
type HoldHook interface {
	// Failed is called for a delivery that has failed and is held.
	Failed(d *Delivery, f Failure)
	// Queued is called for a fresh delivery that waits behind a held one of
	// its key and has not run.
	Queued(d *Delivery)
	// Released is called for a held delivery that is settled.
	Released(d *Delivery, why Release)
}

// A PauseHook observes positions that take no fresh deliveries.
type PauseHook interface {
	// Paused is called when a position stops taking fresh deliveries; why
	// matches [ErrHoldFull] or [ErrOutage].
	Paused(p Position, why error)
	// Resumed is called when it takes them again, or is given up.
	Resumed(p Position)
}

// An AbandonHook observes handlers that do not return after their time.
type AbandonHook interface {
	// Abandoned is called when the runtime goes on without the handler of a
	// delivery. stuck is how many of the store's handlers have not returned
	// by now.
	Abandoned(d *Delivery, stuck int)
}

// A BatchHook observes committed batches.
type BatchHook interface {
	// BatchApplied is called after the first done deliveries of a batch were
	// committed; took includes the transaction.
	BatchApplied(p Position, done int, took time.Duration)
}

// An AssignmentHook observes partitions coming and going.
type AssignmentHook interface {
	// Assigned is called after a position was claimed, also when it is claimed
	// anew after a failure.
	Assigned(c Claim)
	// Revoked is called when this member no longer works on the position.
	Revoked(p Position)
}

// StartDelivery calls every [DeliveryHook]. The returned end calls theirs in
// reverse order and is never nil.
func (h Hooks) StartDelivery(ctx context.Context, d *Delivery) (_ context.Context, end func(error)) {
	var ends []func(error)
	for _, hook := range h {
		if s, ok := hook.(DeliveryHook); ok {
			var e func(error)
			ctx, e = s.DeliveryStarted(ctx, d)
			ends = append(ends, e)
		}
	}
	return ctx, func(err error) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](err)
		}
	}
}

// Failed calls every [HoldHook].
func (h Hooks) Failed(d *Delivery, f Failure) { h.hold(func(x HoldHook) { x.Failed(d, f) }) }

// Queued calls every [HoldHook].
func (h Hooks) Queued(d *Delivery) { h.hold(func(x HoldHook) { x.Queued(d) }) }

// Released calls every [HoldHook].
func (h Hooks) Released(d *Delivery, why Release) { h.hold(func(x HoldHook) { x.Released(d, why) }) }

func (h Hooks) hold(call func(HoldHook)) {
	for _, hook := range h {
		if x, ok := hook.(HoldHook); ok {
			call(x)
		}
	}
}

// Abandoned calls every [AbandonHook].
func (h Hooks) Abandoned(d *Delivery, stuck int) {
	for _, hook := range h {
		if a, ok := hook.(AbandonHook); ok {
			a.Abandoned(d, stuck)
		}
	}
}

func (h Hooks) pause(call func(PauseHook)) {
	for _, hook := range h {
		if p, ok := hook.(PauseHook); ok {
			call(p)
		}
	}
}

func (h Hooks) batchApplied(p Position, done int, took time.Duration) {
	for _, hook := range h {
		if b, ok := hook.(BatchHook); ok {
			b.BatchApplied(p, done, took)
		}
	}
}

func (h Hooks) assigned(c Claim) {
	for _, hook := range h {
		if a, ok := hook.(AssignmentHook); ok {
			a.Assigned(c)
		}
	}
}

func (h Hooks) revoked(p Position) {
	for _, hook := range h {
		if a, ok := hook.(AssignmentHook); ok {
			a.Revoked(p)
		}
	}
}
