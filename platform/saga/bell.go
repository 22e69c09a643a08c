package saga

import (
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// A Bell wakes the engines of its process when an event has begun an instance,
// or has come for one that waits. It is a hook of the context's store and
// router: a [bus.BatchHook] and a [bus.HoldHook].
type Bell struct {
	db        *database.DB
	consumers map[string]bool
}

// NewBell returns the bell for the engines whose sagas are in db.
func NewBell(db *database.DB, definitions ...Definition) *Bell {
	b := &Bell{db: db, consumers: map[string]bool{}}
	for _, c := range Consumers(definitions...) {
		b.consumers[c.Consumer] = true
	}
	return b
}

// BatchApplied implements [bus.BatchHook].
func (b *Bell) BatchApplied(p bus.Position, done int, _ time.Duration) {
	if done > 0 {
		b.ring(p.Consumer)
	}
}

// Released implements [bus.HoldHook].
func (b *Bell) Released(d *bus.Delivery, _ bus.Release) { b.ring(d.Consumer) }

// Failed implements [bus.HoldHook].
func (b *Bell) Failed(*bus.Delivery, bus.Failure) {}

// Queued implements [bus.HoldHook].
func (b *Bell) Queued(*bus.Delivery) {}

func (b *Bell) ring(consumer string) {
	if b.consumers[consumer] {
		b.db.Ring()
	}
}
