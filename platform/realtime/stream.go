package realtime

import (
	"context"
	"sync"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/frame"
)

// What the listeners of other protocols need of package feed.
type (
	// A Wish is what a listener wants to hear.
	Wish = feed.Wish
	// Positions say what a listener has of a channel.
	Positions = feed.Positions
)

// Subscribe returns the events that the caller of ctx wishes for, as websockets
// of other protocols than this package's need them. It ends with ctx, which the
// caller must end. It fails with a Connect error when the caller may not
// listen, and with OutOfRange when the window does not reach back to where the
// wish begins.
func (s *Server) Subscribe(ctx context.Context, wish Wish) (*Stream, error) {
	caller := identity.From(ctx)
	if caller.Subject == "" {
		return nil, refused(connect.CodeUnauthenticated, "people listen; send the access token of one")
	}
	if err := s.Ready(); err != nil {
		return nil, refused(connect.CodeUnavailable, "the server is starting: %v", err)
	}
	if err := s.mayListen(&caller, wish.Channel); err != nil {
		return nil, err
	}
	stream := &Stream{room: s.cfg.Limits.QueueBytes, wake: make(chan struct{}, 1)}
	stream.subscription = s.cfg.Feed.Subscribe(wish, stream, stream.missed, stream.welcome)
	context.AfterFunc(ctx, stream.subscription.Unsubscribe)
	if len(wish.After) > 0 && !stream.resumed {
		stream.subscription.Unsubscribe()
		return nil, refused(connect.CodeOutOfRange, "the events behind that position are not kept any more: reload what you show, and listen from now on")
	}
	return stream, nil
}

// A Stream is the events of one subscription that has no websocket of this
// package. Its methods for reading are used by one goroutine at a time.
type Stream struct {
	subscription *feed.Subscription
	at           Positions
	resumed      bool
	wake         chan struct{} // something was queued, or the end has come

	mu      sync.Mutex
	queue   [][]byte
	room    int  // for how many bytes more
	waiting bool // the reader has done with all that it took
	end     error
}

// Position returns where the stream is at least: behind where it began, and
// mostly behind the event that Next returned last and all that went elsewhere
// before. The caller changes nothing in it.
func (l *Stream) Position() Positions { return l.at }

// Quiet returns where a reader is that waits in Next: behind all that has gone
// elsewhere, so that a channel from which nothing comes stays within the window.
// It returns nil while there is something to read. Other goroutines than the
// reader's may call it.
func (l *Stream) Quiet() (at Positions) {
	l.subscription.Tell(func(now Positions) []byte {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiting && len(l.queue) == 0 && l.end == nil {
			at = now
		}
		return nil
	})
	return at
}

// Next waits for the next event and returns the JSON object that websockets are
// sent, which must not be changed. It fails with the error of ctx, with
// ResourceExhausted when the reader was so slow that it would miss events, and
// with Aborted when the broker has dropped some.
func (l *Stream) Next(ctx context.Context) ([]byte, error) {
	for {
		text, err := l.take()
		if text != nil {
			l.subscription.Tell(l.advance)
		}
		if text != nil || err != nil {
			return text, err
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what waits; what came before the end goes first.
func (l *Stream) take() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = len(l.queue) == 0
	if l.waiting {
		return nil, l.end
	}
	text := l.queue[0]
	l.queue[0], l.queue = nil, l.queue[1:]
	l.room += len(text)
	return text, nil
}

func (l *Stream) welcome(w feed.Welcome) []byte {
	l.at, l.resumed = w.Positions, w.Resumed
	return nil
}

// advance takes the positions of now, which are the reader's when nothing waits
// for it. So partitions from which little comes stay within the window.
func (l *Stream) advance(now Positions) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 && l.end == nil {
		l.at = now
	}
	return nil
}

// Send implements [feed.Sink]; what begins a subscription is for websockets.
func (l *Stream) Send([]byte) {}

// Offer implements [feed.Sink].
func (l *Stream) Offer(_ uint32, f []byte) bool {
	if f == nil { // positions, which advance has taken
		return true
	}
	text := frame.Payload(f)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.end != nil:
		return false
	case l.room < len(text) && len(l.queue) > 0:
		l.finish(refused(connect.CodeResourceExhausted, "events come faster than you read them; listen again behind the last one that you have"))
		return false
	}
	l.queue = append(l.queue, text)
	l.room -= len(text)
	l.signal()
	return true
}

// Refusals implements [feed.Sink].
func (l *Stream) Refusals() uint32 { return 0 }

func (l *Stream) missed(*feed.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(refused(connect.CodeAborted, "events were dropped before they were read: reload what you show, and listen again"))
}

func (l *Stream) finish(err error) {
	if l.end == nil {
		l.end = err
		l.signal()
	}
}

func (l *Stream) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
