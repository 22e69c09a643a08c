package bus_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A record at which the decoder panics costs the others of its batch nothing.
func TestDecoderGoesOnBehindPoison(t *testing.T) {
	bubble(t, func(r *rig) {
		r.decoder.set(func(rec *driver.Record, _ *bus.Delivery) error {
			if rec.Offset == 1 || rec.Offset == 4 {
				panic("poison")
			}
			return nil
		})
		r.topic.add(0, 5)
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.applied(0, 0, 2, 3)
	})
}

// A record that waits for the registry is decoded again, and those before it
// are not.
func TestDecoderGoesOnWhereItWaited(t *testing.T) {
	bubble(t, func(r *rig) {
		decoded := map[int64]int{}
		r.decoder.set(func(rec *driver.Record, _ *bus.Delivery) error {
			if decoded[rec.Offset]++; rec.Offset == 2 && decoded[2] < 4 {
				return errDatabase
			}
			return nil
		})
		r.topic.add(0, 4)
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.applied(0, 0, 1, 2, 3)
		if decoded[0] != 1 || decoded[2] != 4 || decoded[3] != 1 {
			r.Errorf("decoded how often, by offset: %v", decoded)
		}
	})
}

// Every delivery gets an empty message of its own: at first one of its batch,
// then one that is new.
func TestEmptyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filled, seen := 0, map[event.Message]bool{}
		route := route()
		route.Type = &event.Type{Topic: quizCompleted.Topic, Fill: func(batch []event.Message) {
			filled += len(batch)
			leaves := make([]leaf, len(batch))
			for i := range leaves {
				batch[i] = &leaves[i]
			}
		}}
		route.New = func() event.Message { return new(leaf) }
		r := newRig(t, newFakeTopic(), newFakeStore(), route)
		r.decoder.set(func(rec *driver.Record, d *bus.Delivery) error {
			for range 2 {
				m := d.Empty(&route)
				if m == nil || seen[m] {
					r.Errorf("offset %d got a message that another has, or none", rec.Offset)
				}
				seen[m] = true
			}
			return nil
		})
		r.topic.add(0, 60)
		r.run()
		defer r.router.Close(context.Background())
		r.conn.assign(0)
		time.Sleep(time.Minute)
		r.expect(0, 60)
		if filled != 60 || len(seen) != 120 {
			r.Errorf("%d messages were made for batches of 60 deliveries; %d were given out", filled, len(seen))
		}
	})
}

type leaf struct{ event.Message }
