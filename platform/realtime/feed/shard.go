package feed

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

// An entry is one event of one channel.
type entry struct {
	frame   []byte
	channel string
	place   int32
	offset  int64
	at      time.Time
	next    *entry // of the channel, newer
	newer   *entry // of the shard
}

// overhead is what an entry takes besides its frame, about.
const overhead = 160

// A channel is what is known of one channel here.
type channel struct {
	name      string
	first     *entry // the oldest that is kept
	last      *entry
	listeners []*Subscription
}

// A shard has a part of the channels, and does what concerns them in order.
type shard struct {
	f    *Feed
	work chan work

	mu          sync.Mutex
	channels    map[string]*channel
	first, last *entry
	kept, bytes int
	heads       []int64 // by place: everything up to here has reached the channels
	floors      []int64 // by place: everything above is in the window
}

// work is what a shard is told, in the order in which it was read.
type work struct {
	entries []*entry
	heads   map[int]int64 // by place, once the entries are done
	restart *restart
}

// A restart says that reading a place goes on behind head.
type restart struct {
	place  int
	head   int64
	missed bool
}

// queue is how many pieces of work wait for a shard before reading waits.
const queue = 64

func newShard(f *Feed) *shard {
	return &shard{
		f: f, work: make(chan work, queue), channels: map[string]*channel{},
		heads: unread(len(f.places)), floors: unread(len(f.places)),
	}
}

var seed = maphash.MakeSeed()

func (f *Feed) shardOf(channel string) int {
	return int(maphash.String(seed, channel) % uint64(len(f.shards)))
}

// tidyEvery is how often a shard looks for what is too old.
const tidyEvery = time.Second

func (s *shard) run(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case w := <-s.work:
			s.do(w)
		case now := <-tick.C:
			s.tidy(now)
		case <-ctx.Done():
			return
		}
	}
}

func (s *shard) do(w work) {
	for _, e := range w.entries {
		s.publish(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, head := range w.heads {
		s.heads[at] = max(s.heads[at], head)
	}
	if w.restart != nil {
		s.restart(w.restart)
	}
}

// publish keeps an event and sends it to everybody who listens.
func (s *shard) publish(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channel(e.channel)
	e.channel = c.name // one text for all
	s.keep(c, e)
	for _, l := range c.listeners {
		l.offer(e)
	}
	s.heads[e.place] = e.offset
	for s.bytes > s.f.cfg.WindowBytes/len(s.f.shards) && s.first != s.last {
		s.evict()
	}
}

func (s *shard) channel(name string) *channel {
	c := s.channels[name]
	if c == nil {
		c = &channel{name: name}
		s.channels[name] = c
	}
	return c
}

func (s *shard) keep(c *channel, e *entry) {
	if c.last == nil {
		c.first = e
	} else {
		c.last.next = e
	}
	c.last = e
	if s.last == nil {
		s.first = e
	} else {
		s.last.newer = e
	}
	s.last = e
	s.kept++
	s.bytes += len(e.frame) + overhead
}

// evict forgets the oldest event, which is the oldest of its channel too.
func (s *shard) evict() {
	e := s.first
	if s.first = e.newer; s.first == nil {
		s.last = nil
	}
	s.kept--
	s.bytes -= len(e.frame) + overhead
	s.floors[e.place] = max(s.floors[e.place], e.offset)
	c := s.channels[e.channel]
	if c.first = e.next; c.first == nil {
		c.last = nil
	}
	s.drop(c)
}

// drop forgets a channel that is empty.
func (s *shard) drop(c *channel) {
	if c.first == nil && len(c.listeners) == 0 {
		delete(s.channels, c.name)
	}
}

func (s *shard) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.first != nil && now.Sub(s.first.at) > s.f.cfg.Window {
		s.evict()
	}
}

// restart begins a place anew. Who listens to a channel that is fed from there
// is told that something is missing.
func (s *shard) restart(r *restart) {
	s.heads[r.place], s.floors[r.place] = r.head, r.head
	if !r.missed {
		return
	}
	for _, c := range s.channels {
		for _, l := range c.listeners {
			if l.fedFrom(r.place) {
				l.stop()
			}
		}
	}
}

func (s *shard) stats(total *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total.Kept += s.kept
	total.KeptBytes += s.bytes
	total.Channels += len(s.channels)
}
