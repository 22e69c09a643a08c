// Package bus moves events between a broker and handlers. It knows neither
// the broker nor the database: brokers implement the interfaces of package
// driver, and a [Store] applies deliveries in transactions of its own.
package bus

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A Delivery is one record on its way to one consumer.
type Delivery struct {
	// Consumer is the consumer's name, <context>.<handler>.
	Consumer string
	// Record is the record as the broker has it. It must not be changed.
	Record *driver.Record
	// Event holds the CloudEvents attributes. Its zero value means that the
	// record was not a CloudEvent; Err then says why.
	Event event.Envelope
	// Message is the decoded payload, nil when Err is set.
	Message event.Message
	// Err is why the record could not be decoded, or nil.
	Err error
	// Decode decodes Record into a new Message, for a further run of the
	// handler. The router sets it; nil keeps the message that there is.
	Decode func(ctx context.Context, d *Delivery) error
	// Attempt counts the runs of the handler for this delivery, starting at 1,
	// also over restarts. Runs while everything fails do not count.
	Attempt int

	taken bool          // Message was given to a handler
	fresh event.Message // to decode into, once
}

// Empty returns a message to decode the delivery's payload into. The messages
// of some deliveries share their memory: see [event.Type].
func (d *Delivery) Empty(r *Route) event.Message {
	if m := d.fresh; m != nil {
		d.fresh = nil
		return m
	}
	return r.New()
}

// Take returns the message for one run of the handler. A handler may change
// what it is given, so that every run after the first gets a message of its
// own. It returns an error when the record could not be decoded again.
func (d *Delivery) Take(ctx context.Context) (event.Message, error) {
	if d.taken && d.Decode != nil {
		if err := d.Decode(ctx, d); err != nil {
			return nil, fmt.Errorf("decode the event for another run: %w", err)
		}
	}
	d.taken = true
	return d.Message, d.Err
}

type deliveryKey struct{}

// WithDelivery returns a context that carries d for [DeliveryFrom].
func WithDelivery(ctx context.Context, d *Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// DeliveryFrom returns the delivery that the handler is running for, or nil
// when ctx does not come from a delivery.
func DeliveryFrom(ctx context.Context) *Delivery {
	d, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return d
}
