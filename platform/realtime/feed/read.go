package feed

import (
	"context"
	"errors"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A reader takes what one tail reads. It does not wait for listeners, only for
// the memory that their events take on the way to them.
type reader struct {
	f   *Feed
	ctx context.Context

	// What is used again for the next record.
	delivery    bus.Delivery
	datum, text []byte
}

// From implements [driver.TailReader].
func (r *reader) From(topic string, partition int32, next, end int64) {
	f := r.f
	at, ok := f.place(topic, partition)
	if !ok {
		return
	}
	f.mu.Lock()
	head, known := f.heads[at], f.begun[at]
	missed := next > head+1
	gone := end <= head // the broker has lost what was read from it
	if !known || missed || gone {
		f.heads[at] = next - 1
	}
	f.begun[at], f.targets[at] = true, max(f.targets[at], end)
	if gone {
		f.targets[at] = end
	}
	f.mu.Unlock()
	if known && (missed || gone) {
		f.cfg.Logger.Warn("realtime: the broker has dropped events before they were read", "partition", f.places[at].name)
	}
	if !known || missed || gone {
		r.toAll(work{restart: &restart{at, next - 1, known}})
	}
}

// place returns the index of a partition.
func (f *Feed) place(topic string, partition int32) (int, bool) {
	route := f.routes[topic]
	if route == nil || partition >= route.Type.Partitions {
		return 0, false
	}
	return route.base + int(partition), true
}

// Read implements [driver.TailReader].
func (r *reader) Read(records []*driver.Record) {
	batches := make([]work, len(r.f.shards))
	moved := map[int]int64{}
	for _, rec := range records {
		at, ok := r.f.place(rec.Topic, rec.Partition)
		if !ok || !r.f.fresh(at, rec.Offset) {
			continue
		}
		moved[at] = rec.Offset
		if e := r.entry(at, rec); e != nil {
			s := r.f.shardOf(e.channel)
			batches[s].entries = append(batches[s].entries, e)
		}
	}
	for i := range batches {
		batches[i].heads = moved
		r.hand(r.f.shards[i], batches[i])
	}
}

// fresh tells whether the record was not read before, and notes that it is
// read now.
func (f *Feed) fresh(at int, offset int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if offset <= f.heads[at] {
		return false
	}
	f.heads[at] = offset
	return true
}

func (r *reader) toAll(w work) {
	for _, s := range r.f.shards {
		r.hand(s, w)
	}
}

func (r *reader) hand(s *shard, w work) {
	select {
	case s.work <- w:
	case <-r.ctx.Done():
	}
}

// entry makes of a record what is sent, or nil of one that goes nowhere.
func (r *reader) entry(at int, rec *driver.Record) *entry {
	f, d := r.f, &r.delivery
	route := f.places[at].route
	if *d = (bus.Delivery{}); !r.decode(route, rec, d) {
		return nil
	}
	f.taken.Add(1)
	id := route.ID(d.Message)
	if id == "" {
		return nil
	}
	channel := route.Family + ":" + id
	message, err := r.message(route, channel, rec)
	if err != nil {
		f.refuse(rec, err)
		return nil
	}
	return &entry{frame: f.cfg.Frame(message), channel: channel, place: int32(at), offset: rec.Offset, at: rec.Time}
}

// message is the JSON of what is delivered, valid until the next.
func (r *reader) message(route *route, channel string, rec *driver.Record) (text []byte, err error) {
	if r.datum, err = r.delivery.Message.AppendBinary(r.datum[:0]); err != nil {
		return nil, err
	}
	r.text, err = route.append(r.text[:0], channel, rec, &r.delivery.Event, r.datum)
	return r.text, err
}

// decode tries until it is known whether the record can be decoded: a registry
// that is away says nothing about it.
func (r *reader) decode(route *route, rec *driver.Record, d *bus.Delivery) bool {
	for pause := firstPause; r.ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := r.f.cfg.Decoder.Decode(r.ctx, &route.bus, rec, d)
		if err == nil {
			if d.Err == nil && d.Message == nil {
				d.Err = errors.New("the decoder returned no event")
			}
			if d.Err != nil {
				r.f.refuse(rec, d.Err)
			}
			return d.Err == nil
		}
		r.f.report(err)
		r.f.cfg.Logger.Warn("realtime: events cannot be decoded now; trying again", "retry_in", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
		}
	}
	return false
}

// refuse notes a record that nobody can be sent. The contexts that consume it
// have it among their dead letters.
func (f *Feed) refuse(rec *driver.Record, err error) {
	f.unusable.Add(1)
	f.cfg.Logger.Warn("realtime: an event cannot be sent", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
}
