// Package presence knows who listens to channels, on this instance and, through
// a topic of the broker that all instances read, on the others.
//
// Each instance says on [Topic] who has come to it and who has gone, once a
// second when there is something to say, and all that are there every 30
// seconds. What an instance has said holds for 75 seconds after its last word,
// so that the people of one that was killed go too. One that drains says so.
package presence

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

const (
	// interval is between two looks at what has changed.
	interval = time.Second
	// snapshotEvery is how often an instance says everything.
	snapshotEvery = 30 * time.Second
	// silence is how long an instance is believed after its last word: it may
	// miss one snapshot, and be late with the next.
	silence = 75 * time.Second
)

// Config is what a [Roll] is made of.
type Config struct {
	// Conn carries what instances tell each other; it has to be a
	// [driver.Tailer], and [Topic] has to exist. Without it this instance knows
	// of nobody else's people.
	Conn   driver.Conn
	Logger *slog.Logger
	// Frame makes what is sent of the JSON of a message.
	Frame func(message []byte) []byte
}

// A Watcher is told who is there. It is compared with ==.
type Watcher interface {
	// Tell takes a frame without waiting, and may lose it: then
	// [Roll.Again] is called once the watcher can be told again.
	Tell(frame []byte)
}

// A Roll is safe for concurrent use. [Roll.Run] keeps it; the other methods may
// be called before.
type Roll struct {
	cfg      Config
	tailer   driver.Tailer
	instance string
	leaving  chan chan error
	ended    chan struct{} // nothing is published any more
	failing  bool          // of the goroutine that publishes
	counts   counts

	mu   sync.Mutex
	here map[string]people // by channel: those of this instance
	// attending is how many of them have a session.
	attending int
	changed   map[string]map[string]struct{}
	behind    bool      // the others have not got what was published last
	said      time.Time // when everything was said last
	peers     map[string]*peer
	rooms     map[string]*room   // by channel: those that are watched here
	stirred   map[*room]struct{} // those of which there is something to tell
}

// people are those who are on a channel of this instance.
type people map[string]attendee

// An attendee is there while they have a session.
type attendee struct {
	sessions int32
	told     bool // the others were told that they are there
}

// New checks the configuration.
func New(cfg Config) (*Roll, error) {
	r := &Roll{
		cfg: cfg, instance: rand.Text(), leaving: make(chan chan error), ended: make(chan struct{}),
		here: map[string]people{}, changed: map[string]map[string]struct{}{}, peers: map[string]*peer{},
		rooms: map[string]*room{}, stirred: map[*room]struct{}{},
	}
	if cfg.Conn == nil {
		return r, nil
	}
	var ok bool
	if r.tailer, ok = cfg.Conn.(driver.Tailer); !ok {
		return nil, errors.New("presence: this broker's driver cannot read topics without a group")
	}
	return r, nil
}

// Run tells watchers, publishes and reads until ctx ends.
func (r *Roll) Run(ctx context.Context) {
	var parts sync.WaitGroup
	if r.tailer != nil {
		parts.Go(func() { r.publish(ctx) })
		parts.Go(func() { r.read(ctx) })
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			r.tell(time.Now())
		case <-ctx.Done():
		}
	}
	parts.Wait()
}

// Join says that a session of the person has begun to listen to the channel.
func (r *Roll) Join(channel, person string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := r.here[channel]
	if there == nil {
		there = people{}
		r.here[channel] = there
	}
	a := there[person]
	a.sessions++
	there[person] = a
	if a.sessions == 1 {
		r.attending++
		r.differ(channel, person, !a.told)
		r.adjust(channel, person, 1)
	}
}

// Part says that one that joined has ended.
func (r *Roll) Part(channel, person string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := r.here[channel]
	a, ok := there[person]
	if !ok || a.sessions == 0 {
		return
	}
	a.sessions--
	there[person] = a
	if a.sessions > 0 {
		return
	}
	r.attending--
	r.differ(channel, person, a.told)
	r.forget(channel, person)
	r.adjust(channel, person, -1)
}

// differ notes whether the others have to be told of a person.
func (r *Roll) differ(channel, person string, yes bool) {
	of := r.changed[channel]
	switch {
	case r.tailer == nil:
	case yes && of == nil:
		r.changed[channel] = map[string]struct{}{person: {}}
	case yes:
		of[person] = struct{}{}
	default:
		delete(of, person)
		if len(of) == 0 {
			delete(r.changed, channel)
		}
	}
}

// forget lets go of a person who has gone and of whom nobody has to be told.
func (r *Roll) forget(channel, person string) {
	there := r.here[channel]
	if a := there[person]; a.sessions > 0 || a.told {
		return
	}
	delete(there, person)
	if len(there) == 0 {
		delete(r.here, channel)
	}
}

// Leave tells the other instances that nobody is here any more, and publishes
// nothing afterwards. It is for an instance that drains, while Run runs.
func (r *Roll) Leave(ctx context.Context) error {
	if r.tailer == nil {
		return nil
	}
	done := make(chan error, 1)
	select {
	case r.leaving <- done:
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
