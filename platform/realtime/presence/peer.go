package presence

import (
	"context"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A peer is what another instance has said.
type peer struct {
	heard    time.Time // with the monotonic clock
	channels crowd
	coming   crowd // of a snapshot that is not complete
	parts    int   // how many of it have come
}

// A crowd is who is on which channel.
type crowd map[string]map[string]struct{}

func (c crowd) add(channel, person string) (added bool) {
	of := c[channel]
	if of == nil {
		of = map[string]struct{}{}
		c[channel] = of
	}
	_, there := of[person]
	of[person] = struct{}{}
	return !there
}

func (c crowd) remove(channel, person string) (removed bool) {
	of := c[channel]
	_, there := of[person]
	delete(of, person)
	if len(of) == 0 {
		delete(c, channel)
	}
	return there
}

func (c crowd) has(channel, person string) bool {
	_, there := c[channel][person]
	return there
}

// hear takes what another instance has said at a time.
func (r *Roll) hear(rec *record, at time.Time) {
	if rec.Instance == r.instance {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[rec.Instance]
	if rec.Kind == kindGone {
		r.drop(rec.Instance, p)
		return
	}
	if p == nil {
		p = &peer{channels: crowd{}}
		r.peers[rec.Instance] = p
	}
	p.heard = at
	if rec.Kind == kindChanges {
		r.change(p, rec)
		return
	}
	r.assemble(p, rec)
}

func (r *Roll) change(p *peer, rec *record) {
	for channel, c := range rec.Channels {
		for _, person := range c.In {
			if p.channels.add(channel, person) {
				r.adjust(channel, person, 1)
			}
		}
		for _, person := range c.Out {
			if p.channels.remove(channel, person) {
				r.adjust(channel, person, -1)
			}
		}
	}
}

// assemble takes a part of a snapshot. One that lacks a part is nothing: the
// next one follows.
func (r *Roll) assemble(p *peer, rec *record) {
	if rec.Part == 0 {
		p.coming, p.parts = crowd{}, 0
	}
	if p.coming == nil || rec.Part != p.parts {
		p.coming = nil
		return
	}
	for channel, c := range rec.Channels {
		for _, person := range c.In {
			p.coming.add(channel, person)
		}
	}
	if p.parts++; p.parts == rec.Parts {
		r.replace(p, p.coming)
		p.coming = nil
	}
}

// replace takes a snapshot in the place of what was known of a peer.
func (r *Roll) replace(p *peer, now crowd) {
	before := p.channels
	p.channels = now
	for channel, of := range before {
		for person := range of {
			if !now.has(channel, person) {
				r.adjust(channel, person, -1)
			}
		}
	}
	for channel, of := range now {
		for person := range of {
			if !before.has(channel, person) {
				r.adjust(channel, person, 1)
			}
		}
	}
}

// drop lets go of an instance with its people.
func (r *Roll) drop(instance string, p *peer) {
	if p != nil {
		r.replace(p, nil)
		delete(r.peers, instance)
	}
}

// expire drops the instances that have been silent for too long.
func (r *Roll) expire(now time.Time) {
	for instance, p := range r.peers {
		if now.Sub(p.heard) >= silence {
			r.drop(instance, p)
		}
	}
}

// Pauses between attempts to read.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// read takes what the others say, from what still holds on.
func (r *Roll) read(ctx context.Context) {
	into := &reader{roll: r, heads: map[int32]int64{}, ends: map[int32]int64{}}
	var before error
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := r.tailer.Tail(ctx, []string{Topic().Name}, time.Now().Add(-silence), into)
		if err != nil && (before == nil || before.Error() != err.Error()) {
			r.cfg.Logger.Warn("presence: it is not known who is on other instances; trying again", "error", err)
		}
		before = err
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// A reader takes what was read. It implements [driver.TailReader].
type reader struct {
	roll  *Roll
	heads map[int32]int64 // behind the record read last
	ends  map[int32]int64 // what is below was said before reading began
}

// From implements [driver.TailReader].
func (t *reader) From(_ string, partition int32, next, end int64) {
	if end < t.heads[partition] { // the broker has lost what was read from it
		t.heads[partition] = next
	}
	t.ends[partition] = end
}

// Read implements [driver.TailReader].
func (t *reader) Read(records []*driver.Record) {
	now := time.Now()
	for _, r := range records {
		if r.Offset < t.heads[r.Partition] {
			continue // read before the tail began again
		}
		t.heads[r.Partition] = r.Offset + 1
		t.roll.counts.read.Add(1)
		age := t.age(r, now)
		if age >= silence {
			continue
		}
		rec, err := parse(r.Value)
		if err != nil {
			t.roll.counts.unusable.Add(1)
			t.roll.cfg.Logger.Warn("presence: a record cannot be used", "partition", r.Partition, "offset", r.Offset, "error", err)
			continue
		}
		t.roll.hear(rec, now.Add(-age))
	}
}

// age is how long ago something was said. What comes while reading is new,
// whatever the clocks say.
func (t *reader) age(r *driver.Record, now time.Time) time.Duration {
	if r.Offset >= t.ends[r.Partition] {
		return 0
	}
	return max(0, now.Sub(r.Time))
}
