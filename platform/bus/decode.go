package bus

import (
	"context"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// sharedMessages is how many messages share an allocation: what a handler that
// keeps one of them keeps.
const sharedMessages = 25

// deliveries makes the deliveries of a batch, with empty messages for them.
func (w *worker) deliveries(records []*driver.Record) []*Delivery {
	batch := make([]*Delivery, len(records))
	made := make([]Delivery, len(records))
	for i, rec := range records {
		d := &made[i]
		d.Consumer, d.Record, d.Attempt, d.Decode = w.pos.Consumer, rec, 1, w.again
		batch[i] = d
	}
	w.fill(made)
	return batch
}

func (w *worker) fill(made []Delivery) {
	fill := w.route.Type.Fill
	if fill == nil {
		return
	}
	var messages [sharedMessages]event.Message
	for len(made) > 0 {
		n := min(len(made), sharedMessages)
		fill(messages[:n])
		for i, m := range messages[:n] {
			made[i].fresh = m
		}
		made = made[n:]
	}
}

// decodeAgain is [Delivery.Decode].
func (w *worker) decodeAgain(ctx context.Context, d *Delivery) error {
	d.Message, d.Err = nil, nil
	return w.r.cfg.Decoder.Decode(ctx, w.route, d.Record, d)
}

// decode decodes deliveries. While the registry cannot be reached it waits.
func (w *worker) decode(batch []*Delivery) error {
	var wait backoff
	for {
		done, unreachable := w.decodeSome(batch)
		if batch = batch[done:]; unreachable == nil {
			return nil
		}
		if done > 0 {
			wait.reset()
		}
		if err := w.awaitRegistry(batch[0], wait.next(infraLimit), unreachable); err != nil {
			return err
		}
	}
}

// decodeSome decodes deliveries until one has to wait. A decoder that panics
// has met poison, and goes on behind it.
func (w *worker) decodeSome(batch []*Delivery) (done int, unreachable error) {
	for done < len(batch) && unreachable == nil {
		panicked := Contain(func() error {
			for ; done < len(batch); done++ {
				d := batch[done]
				d.Err = nil
				if unreachable = w.r.cfg.Decoder.Decode(w.stop, w.route, d.Record, d); unreachable != nil {
					break
				}
			}
			return nil
		})
		if panicked != nil {
			batch[done].Message, batch[done].Err = nil, panicked
			done++
		}
	}
	return done, unreachable
}

func (w *worker) awaitRegistry(d *Delivery, delay time.Duration, unreachable error) error {
	if w.stop.Err() != nil {
		return w.stop.Err()
	}
	w.notReady(unreachable)
	w.log.Warn("waiting to decode", "offset", d.Record.Offset, "retry_in", delay, "error", unreachable)
	if err := sleep(w.stop, delay); err != nil {
		return err
	}
	w.notReady(nil)
	return nil
}
