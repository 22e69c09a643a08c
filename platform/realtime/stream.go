package realtime

import (
	"context"
	"sync"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/frame"
)

// streamed is how many events wait for who reads a stream.
const streamed = 256

// Subscribe returns the events of a channel from now on, each the JSON object
// that websockets are sent, for the caller of ctx and for other protocols than
// this package's. The result is closed when ctx ends, when the reader is so
// slow that it would miss events, and when the broker has dropped some. It
// fails with a Connect error when the caller may not listen.
func (s *Server) Subscribe(ctx context.Context, channel string) (<-chan []byte, error) {
	caller := identity.From(ctx)
	if caller.Subject == "" {
		return nil, refused(connect.CodeUnauthenticated, "people listen; send the access token of one")
	}
	if err := s.Ready(); err != nil {
		return nil, refused(connect.CodeUnavailable, "the server is starting: %v", err)
	}
	if err := s.mayListen(&caller, channel); err != nil {
		return nil, err
	}
	l := &stream{events: make(chan []byte, streamed)}
	subscription := s.cfg.Feed.Subscribe(channel, l, nil, func(feed.Welcome) []byte { return nil })
	context.AfterFunc(ctx, func() {
		subscription.Unsubscribe()
		l.end()
	})
	return l.events, nil
}

// A stream is a listener without a websocket.
type stream struct {
	mu     sync.Mutex
	events chan []byte
	over   bool
}

// Send implements [feed.Listener]; what begins a subscription is for websockets.
func (l *stream) Send([]byte) {}

// Offer implements [feed.Listener].
func (l *stream) Offer(_ uint32, f []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	select {
	case l.events <- frame.Payload(f):
		return true
	default:
		l.close()
		return false
	}
}

// Count implements [feed.Listener].
func (l *stream) Count() uint32 { return 0 }

// Missed implements [feed.Listener].
func (l *stream) Missed(*feed.Subscription) { l.end() }

func (l *stream) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

func (l *stream) close() {
	if !l.over {
		l.over = true
		close(l.events)
	}
}
