// Package realtime lets people listen to events, and make calls, over one
// websocket. docs/realtime.md describes the protocol.
//
// A [Server] has no state that another instance needs: each reads all events
// from the broker, and a client that comes back elsewhere says which it has.
package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/frame"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
	"github.com/pulselearn/campus-hub/platform/realtime/socket"
)

// Subprotocol is what clients offer in Sec-WebSocket-Protocol.
const Subprotocol = "pl.realtime.v1"

// Routes are which events people can listen to, and who may. Generated code
// makes them; they must not be changed.
type Routes struct {
	// Events lead to channels.
	Events []feed.Route
	// Families are the kinds of channels besides "user", which everybody has.
	Families []Family
}

// A Family is a kind of channels, "course" for "course:{courseId}".
type Family struct {
	Name string
	// Allow lets people listen to all channels of the family. Rules with an
	// owner let nobody in.
	Allow identity.Rules
	// Check is the query that is made in the caller's name otherwise, with the
	// request of a channel; an answer lets the caller in. Empty lets nobody in.
	Check   string
	Request func(id string) proto.Message
	// Presence tells listeners who ask for it who else listens.
	Presence bool
}

// A Verifier tells who a token was issued for. Its errors are those of
// [identity.Verifier].
type Verifier interface {
	Verify(ctx context.Context, token string) (identity.Caller, error)
}

// An Invoker makes any call by its name, in the name of the caller of ctx.
type Invoker interface {
	// Request returns the empty request of a call, or false when there is no
	// such call.
	Request(procedure string) (proto.Message, bool)
	// Invoke makes the call, with an idempotency key if it is not "".
	Invoke(ctx context.Context, procedure, key string, request proto.Message) (proto.Message, error)
}

// Config is what a [Server] is made of. All fields down to Logger are required.
type Config struct {
	Routes   Routes
	Verifier Verifier
	Invoker  Invoker
	Feed     *feed.Feed
	Limits   Limits
	Logger   *slog.Logger
	// Origins are the origins of web pages that may connect, besides the
	// server's own; "*" is any.
	Origins []string
	// Conn is the broker on which instances tell each other who listens to
	// channels that show it. It is nil for an instance that is the only one.
	Conn driver.Conn
	// Wait returns how long the caller of that name has to wait before the next
	// call, or 0. It is nil without such a limit.
	Wait func(caller string) time.Duration
	// Trace puts the W3C trace context of a call into its context. It is nil
	// where nobody traces.
	Trace func(ctx context.Context, traceparent, tracestate string) context.Context
	// Goroutines reads every connection with a goroutine of its own, as it is
	// done for TLS and where the system has no epoll.
	Goroutines bool
}

// A Server answers the requests of its path. It is safe for concurrent use.
type Server struct {
	cfg      Config
	families map[string]*Family
	sockets  *socket.Set
	buckets  [buckets]bucket
	callers  callers
	presence *presence.Roll // nil where no channel shows who listens
	stop     context.CancelFunc
	running  sync.WaitGroup

	seats, open                               atomic.Int64 // taken, and begun
	draining                                  atomic.Bool
	accepted, refusedHere, resyncs, callsMade atomic.Uint64
	serial                                    atomic.Uint64
}

// buckets is in how many parts sessions are looked after.
const buckets = 16

// A bucket is a part of the sessions.
type bucket struct {
	mu       sync.Mutex
	sessions map[*session]struct{}
}

// New returns a server that looks after its sessions until [Server.Close].
func New(cfg Config) (*Server, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	sockets, err := socket.NewSet(socket.Limits{
		Queue: cfg.Limits.QueueBytes, Linger: lingerTime, Readers: readers,
	}, cfg.Goroutines)
	if err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	s := &Server{cfg: cfg, families: map[string]*Family{}, sockets: sockets}
	for i := range cfg.Routes.Families {
		s.families[cfg.Routes.Families[i].Name] = &cfg.Routes.Families[i]
	}
	for i := range s.buckets {
		s.buckets[i].sessions = map[*session]struct{}{}
	}
	s.callers.sessions = map[string]int{}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if err := s.startPresence(ctx); err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("realtime: %w", err), sockets.Close())
	}
	s.running.Go(func() { s.sweep(ctx) })
	return s, nil
}

const (
	// lingerTime is how long a client may take to read the last frames.
	lingerTime = 2 * time.Second
	// readers is how many sessions are read at one time.
	readers = 256
)

// ServeHTTP implements [http.Handler]: it makes a session of the request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, refusal := s.admit(r)
	if refusal == nil {
		refusal = s.sit()
	}
	if refusal != nil {
		s.refusedHere.Add(1)
		refusal.write(w)
		return
	}
	s.upgrade(w, r, a)
}

// Ready returns nil when the server takes sessions.
func (s *Server) Ready() error { return s.cfg.Feed.Ready() }

// Frame is the [feed.Config.Frame] of a server's feed.
func Frame(message []byte) []byte { return frame.Text(message) }

// Stats are counts since the start, and what is open now.
type Stats struct {
	Feed feed.Stats
	// Sessions are open; Accepted, Refused and Calls were.
	Sessions                 int64
	Accepted, Refused, Calls uint64
	// SlowReaders counts how often a queue was full, and Resyncs how often a
	// client was told that it has missed something.
	SlowReaders, Resyncs uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	return Stats{
		Feed: s.cfg.Feed.Stats(), Sessions: s.open.Load(), Accepted: s.accepted.Load(), Refused: s.refusedHere.Load(),
		Calls: s.callsMade.Load(), SlowReaders: s.sockets.Refusals(), Resyncs: s.resyncs.Load(),
	}
}

// Drain takes no new sessions and ends those that there are: each is told when
// to come back, at different times, and other instances that nobody is here any
// more. It returns when all have gone, and when ctx ends it cuts off those that
// have not.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	s.each(func(c *session) { c.bye() })
	if s.presence != nil {
		if err := s.presence.Leave(ctx); err != nil {
			s.cfg.Logger.Warn("realtime: other instances show the people of this one for a while longer", "error", err)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.open.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			left := s.open.Load()
			s.each(func(c *session) { c.conn.Close() })
			return fmt.Errorf("realtime: %d sessions were cut off: %w", left, ctx.Err())
		}
	}
	return nil
}

// Close ends all sessions at once, and the server.
func (s *Server) Close() error {
	s.draining.Store(true)
	s.stop()
	s.running.Wait()
	s.each(func(c *session) { c.conn.Close() })
	return s.sockets.Close()
}

func (s *Server) each(f func(*session)) {
	for i := range s.buckets {
		s.buckets[i].each(f)
	}
}

func (b *bucket) each(f func(*session)) {
	b.mu.Lock()
	all := make([]*session, 0, len(b.sessions))
	for c := range b.sessions {
		all = append(all, c)
	}
	b.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// sweep looks after a bucket at a time.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second / buckets)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case now := <-tick.C:
			s.buckets[i%buckets].each(func(c *session) { c.look(now) })
		case <-ctx.Done():
			return
		}
	}
}

// callers counts the sessions of each caller.
type callers struct {
	mu       sync.Mutex
	sessions map[string]int
}

// enter counts one more, unless there are limit already.
func (c *callers) enter(name string, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[name] >= limit {
		return false
	}
	c.sessions[name]++
	return true
}

func (c *callers) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[name]--; c.sessions[name] <= 0 {
		delete(c.sessions, name)
	}
}
