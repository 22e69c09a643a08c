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

// A RetryHook observes deliveries that failed and block their partition.
type RetryHook interface {
	// Retrying is called when the delivery failed with err and runs again at
	// the time next.
	Retrying(d *Delivery, err error, next time.Time)
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

func (h Hooks) retrying(d *Delivery, err error, next time.Time) {
	for _, hook := range h {
		if r, ok := hook.(RetryHook); ok {
			r.Retrying(d, err, next)
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
