package tx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A handler that returns in the moment in which it is given up is given up:
// its delivery fails, and the count of those that have not returned is right.
func TestHandlerReturnsWhileItIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(nil, Service{})
		r := &run{
			applier: &applier{s: s, consumer: new(Consumer)},
			part:    []*item{{Delivery: &bus.Delivery{Record: new(driver.Record)}}}, left: make(chan int, 1),
		}
		abandoned, err := r.apart(t.Context(), func(context.Context) error {
			time.AfterFunc(time.Millisecond, func() { r.left <- 0 })
			s.stuck.Add(-1)
			return errAbandoned
		})
		var failed *deliveryFailure
		if !abandoned || !errors.As(err, &failed) || s.stuck.Load() != 0 {
			t.Errorf("abandoned: %v, %v; %d have not returned", abandoned, err, s.stuck.Load())
		}
	})
}
