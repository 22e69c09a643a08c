package feed

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Positions say what a listener has of a channel: by partition, written
// "<topic>/<partition>", the offset of the last event there that it has, or
// that was before it listened; -1 for none.
type Positions map[string]int64

// A Sink is sent the events of channels. Its methods are called with locks
// held: they return at once and call nothing of this package.
type Sink interface {
	// Send sends a frame that must not be left out.
	Send(frame []byte)
	// Offer sends a frame, and returns false when it does not, or not after
	// what the refusals stand for.
	Offer(refusals uint32, frame []byte) bool
	// Refusals counts how often something was not sent. A subscription sends
	// nothing while it has changed since [Subscription.Resume].
	Refusals() uint32
}

// A Wish is what a listener wants to hear.
type Wish struct {
	// Channel is the channel's name, "user:ada".
	Channel string
	// Topic leaves out the events of all other topics; "" leaves out none.
	Topic string
	// After are the positions behind which it goes on, if the window reaches
	// that far; none begins with what comes from now on.
	After Positions
}

// A Subscription is one listener at one channel. What every event needs of it
// comes first, for there are tens of thousands, and none is in a cache.
type Subscription struct {
	sink     Sink
	had      map[int32]int64 // by place: what the listener has from elsewhere; mostly nil
	topic    string          // "" for all
	refusals uint32
	missed   bool

	shard   *shard
	channel *channel
	miss    func(*Subscription)
	index   int // among the channel's listeners
}

// Channel returns the channel's name.
func (s *Subscription) Channel() string { return s.channel.name }

// A Welcome is what a listener is told when it begins.
type Welcome struct {
	// Positions are where it begins, before what follows at once.
	Positions Positions
	// Resumed tells that everything behind the positions it named follows.
	// Otherwise it begins with what comes from now on.
	Resumed bool
}

// Subscribe sends what is wished for to a sink. hello makes what is sent first.
// missed is told, as a sink is, that something is missing that was not offered;
// [Subscription.Resume] goes on. A family that no event has is listened to in
// vain.
func (f *Feed) Subscribe(wish Wish, to Sink, missed func(*Subscription), hello func(Welcome) []byte) *Subscription {
	sh, after := f.shards[f.shardOf(wish.Channel)], wish.After
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := sh.channel(wish.Channel)
	s := &Subscription{
		sink: to, topic: wish.Topic, refusals: to.Refusals(), shard: sh, channel: c, miss: missed, index: len(c.listeners),
	}
	c.listeners = append(c.listeners, s)
	w := Welcome{Positions: s.positions(), Resumed: len(after) > 0 && s.covers(after)}
	if w.Resumed {
		w.Positions = s.common(after)
		s.remember(after)
	}
	to.Send(hello(w))
	if w.Resumed {
		s.replay(after)
	}
	return s
}

// sources returns the places from which the subscription's events come.
func (s *Subscription) sources() (sources []int) {
	f := s.shard.f
	family, id, _ := strings.Cut(s.channel.name, ":")
	for i := range f.places {
		p := &f.places[i]
		if p.route.Family != family || !s.wants(p) {
			continue
		}
		if !p.route.Keyed || driver.PartitionOf([]byte(id), p.route.Type.Partitions) == p.index {
			sources = append(sources, i)
		}
	}
	return sources
}

// wants tells whether the subscription is for the events of a place.
func (s *Subscription) wants(p *place) bool { return s.topic == "" || s.topic == p.route.Type.Topic }

// Unsubscribe ends the subscription. Nothing is offered for it afterwards. It
// may be called more than once.
func (s *Subscription) Unsubscribe() {
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	c := s.channel
	if s.index < 0 {
		return
	}
	last := len(c.listeners) - 1
	c.listeners[s.index] = c.listeners[last]
	c.listeners[s.index].index = s.index
	c.listeners[last] = nil
	c.listeners = c.listeners[:last]
	s.index = -1
	s.shard.drop(c)
}

// Resume goes on with what comes from now on, after something was not sent.
// word makes what the listener is told first.
func (s *Subscription) Resume(word func(Positions) []byte) {
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	refusals := s.sink.Refusals()
	if s.index < 0 || refusals == s.refusals && !s.missed {
		return
	}
	s.refusals, s.missed, s.had = refusals, false, nil
	s.sink.Send(word(s.positions()))
}

// Tell offers the listener the positions of now, in order with the events. It
// returns whether they are sent.
func (s *Subscription) Tell(word func(Positions) []byte) bool {
	s.shard.mu.Lock()
	defer s.shard.mu.Unlock()
	return s.index >= 0 && !s.missed && s.sink.Offer(s.refusals, word(s.positions()))
}

// positions are where the shard is, or the listener if it is further.
func (s *Subscription) positions() Positions {
	p := Positions{}
	for _, at := range s.sources() {
		offset := s.shard.heads[at]
		if had, ok := s.had[int32(at)]; ok {
			offset = max(offset, had)
		}
		p[s.shard.f.places[at].name] = offset
	}
	return p
}

// common is what the listener said, for the places that there are.
func (s *Subscription) common(after Positions) Positions {
	p := Positions{}
	for _, at := range s.sources() {
		name := s.shard.f.places[at].name
		p[name] = after[name]
	}
	return p
}

// covers tells whether everything behind the positions is in the window.
func (s *Subscription) covers(after Positions) bool {
	for _, at := range s.sources() {
		offset, said := after[s.shard.f.places[at].name]
		if !said || offset < s.shard.floors[at] {
			return false
		}
	}
	return true
}

// remember notes where the listener is further than the shard: another
// instance was faster.
func (s *Subscription) remember(after Positions) {
	for _, at := range s.sources() {
		if offset := after[s.shard.f.places[at].name]; offset > s.shard.heads[at] {
			if s.had == nil {
				s.had = map[int32]int64{}
			}
			s.had[int32(at)] = offset
		}
	}
}

func (s *Subscription) replay(after Positions) {
	for e := s.channel.first; e != nil; e = e.next {
		p := &s.shard.f.places[e.place]
		if s.wants(p) && e.offset > after[p.name] && !s.sink.Offer(s.refusals, e.frame) {
			return
		}
	}
}

// offer sends the listener an event that it does not have.
func (s *Subscription) offer(e *entry) {
	if s.missed || !s.wants(&s.shard.f.places[e.place]) {
		return
	}
	if s.had != nil {
		if had, ok := s.had[e.place]; ok {
			if e.offset <= had {
				return
			}
			delete(s.had, e.place)
		}
	}
	s.sink.Offer(s.refusals, e.frame)
}

func (s *Subscription) fedFrom(place int) bool {
	for _, at := range s.sources() {
		if at == place {
			return true
		}
	}
	return false
}

// stop ends sending until the subscription is resumed.
func (s *Subscription) stop() {
	if !s.missed {
		s.missed = true
		s.miss(s)
	}
}
