// Package feed takes events from the broker to whoever listens to their
// channels in this process, and keeps the latest of them for those who come
// back.
//
// Every instance reads all events by itself, so a listener may come back to
// another instance than it left: what it has seen is said in the broker's own
// offsets. See [Positions].
package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A Route leads the events of one type to a channel. Generated code makes it.
type Route struct {
	// Type is the event's type, and New makes an empty event of it.
	Type *event.Type
	New  func() event.Message
	// Family is the part of the channel's name before the colon, and ID returns
	// the rest of an event. An event whose ID is "" goes nowhere.
	Family string
	ID     func(m event.Message) string
	// Keyed tells that the ID is the event's key, so that all events of one
	// channel are in one partition.
	Keyed bool
	// Personal tells that who listens to the channel is the one whom the event
	// is about, so that its personal data is sent.
	Personal bool
}

// Config is what a [Feed] is made of. All fields but the limits are required.
type Config struct {
	Conn    driver.Conn
	Decoder bus.Decoder
	Routes  []Route
	Logger  *slog.Logger
	// Frame makes what is sent of the JSON of a message, which it does not keep.
	Frame func(message []byte) []byte
	// Window is for how long events are kept for those who come back, two
	// minutes when 0, and WindowBytes how much of them, 40 MiB when 0.
	Window      time.Duration
	WindowBytes int
}

// Defaults of [Config].
const (
	DefaultWindow      = 2 * time.Minute
	DefaultWindowBytes = 40 << 20
)

// A Feed is safe for concurrent use.
type Feed struct {
	cfg    Config
	tailer driver.Tailer
	routes map[string]*route // by topic
	places []place
	shards []*shard

	mu      sync.Mutex
	begun   []bool  // by place: the tail has begun there
	targets []int64 // by place: the end when it began
	heads   []int64 // by place: the offset read last
	trouble error   // why nothing is read now

	taken, unusable atomic.Uint64
}

// A place is one partition of one topic.
type place struct {
	route *route
	index int32
	name  string
}

// New checks the configuration. [Feed.Run] begins to read.
func New(cfg Config) (*Feed, error) {
	tailer, ok := cfg.Conn.(driver.Tailer)
	if !ok {
		return nil, errors.New("realtime: this broker's driver cannot read topics without a group")
	}
	f := &Feed{cfg: cfg, tailer: tailer, routes: map[string]*route{}}
	if f.cfg.Window == 0 {
		f.cfg.Window = DefaultWindow
	}
	if f.cfg.WindowBytes == 0 {
		f.cfg.WindowBytes = DefaultWindowBytes
	}
	for i := range cfg.Routes {
		if err := f.add(&cfg.Routes[i]); err != nil {
			return nil, err
		}
	}
	f.begun, f.targets = make([]bool, len(f.places)), make([]int64, len(f.places))
	f.heads = unread(len(f.places))
	for range max(runtime.GOMAXPROCS(0), 2) {
		f.shards = append(f.shards, newShard(f))
	}
	return f, nil
}

func (f *Feed) add(r *Route) error {
	compiled, err := newRoute(r, len(f.places))
	if err != nil {
		return err
	}
	f.routes[r.Type.Topic] = compiled
	for p := range r.Type.Partitions {
		f.places = append(f.places, place{compiled, p, fmt.Sprintf("%s/%d", r.Type.Topic, p)})
	}
	return nil
}

// unread are offsets of places of which nothing is read.
func unread(n int) []int64 {
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = -1
	}
	return offsets
}

// Pauses between attempts to read.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// Run reads events until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	var shards sync.WaitGroup
	for _, s := range f.shards {
		shards.Go(func() { s.run(ctx) })
	}
	defer shards.Wait()
	if len(f.routes) == 0 {
		<-ctx.Done()
		return nil
	}
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := f.tailer.Tail(ctx, f.topics(), time.Now().Add(-f.cfg.Window), &reader{f: f, ctx: ctx})
		f.report(err)
		if err != nil {
			f.cfg.Logger.Warn("realtime: events are not read; trying again", "retry_in", pause, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

func (f *Feed) topics() []string {
	topics := make([]string, 0, len(f.routes))
	for topic := range f.routes {
		topics = append(topics, topic)
	}
	return topics
}

func (f *Feed) report(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = err
}

// Ready returns nil once the window is filled from the broker, and otherwise
// what is waited for. It stays ready when the broker is away later: listeners
// keep what they have and go on.
func (f *Feed) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.places {
		switch {
		case !f.begun[i] && f.trouble != nil:
			return f.trouble
		case !f.begun[i]:
			return errors.New("the broker has not said yet what there is to read")
		case f.heads[i]+1 < f.targets[i]:
			return fmt.Errorf("the events of the last %s are being read", f.cfg.Window)
		}
	}
	return nil
}

// Stats are counts since the start, and what is held now.
type Stats struct {
	// Events were read, and Unusable could not be decoded.
	Events, Unusable uint64
	// Kept events of KeptBytes are in the window.
	Kept, KeptBytes int
	// Channels have listeners or kept events.
	Channels int
}

// Stats returns the counts.
func (f *Feed) Stats() Stats {
	s := Stats{Events: f.taken.Load(), Unusable: f.unusable.Load()}
	for _, sh := range f.shards {
		sh.stats(&s)
	}
	return s
}
