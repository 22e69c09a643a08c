package natsbus

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errClosed   = errors.New("nats: connection is closed")
	errLinkDown = errors.New("there is no connection")
	errNoAnswer = errors.New("the server does not answer")
)

// A link knows whether there is a connection. Requests of the NATS client wait
// for an answer to a connection that has broken meanwhile; a link ends them.
type link struct {
	mu      sync.Mutex
	changed chan struct{}           // closed and replaced at every change
	session context.Context         // has ended while there is no connection
	end     context.CancelCauseFunc // nil while there is no connection
	closed  bool
}

func (l *link) init() {
	l.changed = make(chan struct{})
	ended, end := context.WithCancel(context.Background())
	end()
	l.session = ended
}

func (l *link) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil || l.closed {
		return
	}
	l.session, l.end = context.WithCancelCause(context.Background())
	l.signal()
}

func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut(errLinkDown)
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.cut(errClosed)
}

func (l *link) cut(why error) {
	if l.end != nil {
		l.end(why)
		l.end = nil
	}
	l.signal()
}

func (l *link) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait returns a context that ends with ctx or with the connection, once there
// is one.
func (l *link) wait(ctx context.Context, patience time.Duration) (context.Context, func(), error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		l.mu.Lock()
		session, linked, closed, changed := l.session, l.end != nil, l.closed, l.changed
		l.mu.Unlock()
		switch {
		case closed:
			return nil, nil, errClosed
		case linked:
			bound, release := bind(ctx, session)
			return bound, release, nil
		}
		select {
		case <-changed:
		case <-t.C:
			return nil, nil, errLinkDown
		case <-ctx.Done():
			return nil, nil, errors.Join(errLinkDown, ctx.Err())
		}
	}
}

// bind returns a context that ends with either, with the cause of the one that
// ended.
func bind(ctx, session context.Context) (context.Context, func()) {
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(session, func() { cancel(context.Cause(session)) })
	return bound, func() {
		stop()
		cancel(nil)
	}
}

// await waits a moment for a connection that is known to be broken to be
// reported so.
func (l *link) await(ctx, session context.Context) {
	t := time.NewTimer(reconnectWait)
	defer t.Stop()
	select {
	case <-session.Done():
	case <-t.C:
	case <-ctx.Done():
	}
}

// current returns a context that ends with the connection that there is; it has
// ended when there is none.
func (l *link) current() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// next returns a channel that is closed at the next change.
func (l *link) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}
