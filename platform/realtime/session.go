package realtime

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/frame"
	"github.com/pulselearn/campus-hub/platform/realtime/socket"
)

// A session is one connection of one client. It implements socket.Handler and
// presence.Watcher.
type session struct {
	server *Server
	conn   *socket.Conn
	serial uint64
	reader frame.Reader // used by Data alone, as is rate
	rate   bucketful
	pinged atomic.Int32 // how often since something came last
	begun  atomic.Int64 // Unix seconds, when a message that is not complete began; 0 for none
	opened int64        // Unix seconds

	mu            sync.Mutex
	caller        *identity.Caller // nil until it is known
	subscriptions []*feed.Subscription
	beat          int64 // Unix seconds, of the next heartbeat
	calls         int
	over          bool
}

func newSession(s *Server) *session {
	now := time.Now().Unix()
	c := &session{server: s, serial: s.serial.Add(1), opened: now}
	beat := int64(s.cfg.Limits.Heartbeat / time.Second)
	c.beat = now + 1 + rand.Int64N(max(beat, 1)) // not all at one time
	return c
}

func (c *session) bucket() *bucket { return &c.server.buckets[c.serial%buckets] }

// name is what clients and logs call the session.
func (c *session) name() string { return strconv.FormatUint(c.serial, 36) }

func (c *session) who() *identity.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caller
}

// Data implements [socket.Handler].
func (c *session) Data(data []byte) (slow func()) {
	now := time.Now()
	if len(data) > 0 {
		c.pinged.Store(0)
	}
	c.reader.Add(data)
	defer c.reader.Keep()
	for {
		m, ok, err := c.reader.Next(c.server.cfg.Limits.FrameBytes)
		if err != nil {
			var fault *frame.Error // the only kind
			if errors.As(err, &fault) {
				c.fail(fault.Code, fault.Reason)
			}
			return nil
		}
		if !ok {
			c.note(now)
			return nil
		}
		if !c.rate.take(now, c.server.cfg.Limits.FrameRate) {
			c.fail(CloseTooMany, "frames come too fast")
			return nil
		}
		if slow := c.take(m); slow != nil {
			return slow
		}
	}
}

// note remembers since when a message is not complete.
func (c *session) note(now time.Time) {
	switch {
	case !c.reader.Pending():
		c.begun.Store(0)
	case c.begun.Load() == 0:
		c.begun.Store(now.Unix())
	}
}

func (c *session) take(m frame.Message) (slow func()) {
	switch m.Kind {
	case frame.PingMessage:
		c.conn.Send(frame.Pong(m.Payload))
	case frame.CloseMessage:
		code := m.Code
		if code == 1005 {
			code = frame.NormalClosure
		}
		c.conn.Finish(frame.Close(code, ""))
	case frame.TextMessage:
		r, err := parseRequest(m.Payload)
		if err != nil {
			c.fail(CloseMalformed, err.Error())
			return nil
		}
		return c.handle(r)
	}
	return nil
}

// missed is told that the broker has dropped something.
func (c *session) missed(s *feed.Subscription) { go c.resync(s, "lost") }

// Drained implements [socket.Handler]: the client reads again, and is told
// that it has missed something.
func (c *session) Drained() {
	c.mu.Lock()
	all := append([]*feed.Subscription(nil), c.subscriptions...)
	c.mu.Unlock()
	for _, s := range all {
		c.resync(s, "slow")
		if c.server.shows(s.Channel()) {
			c.server.presence.Again(s.Channel(), c)
		}
	}
}

func (c *session) resync(s *feed.Subscription, reason string) {
	s.Resume(func(p feed.Positions) []byte {
		c.server.resyncs.Add(1)
		return encode(channelMessage{Type: "resync", Channel: s.Channel(), Reason: reason, Positions: p})
	})
}

// Closed implements [socket.Handler].
func (c *session) Closed() {
	c.mu.Lock()
	c.over = true
	all, caller := c.subscriptions, c.caller
	c.subscriptions = nil
	c.mu.Unlock()
	for _, s := range all {
		c.leave(s, caller)
	}
	if caller != nil {
		c.server.callers.leave(caller.Name())
	}
	b := c.bucket()
	b.mu.Lock()
	delete(b.sessions, c)
	b.mu.Unlock()
	c.server.open.Add(-1)
	c.server.seats.Add(-1)
}

// fail tells the client why the session ends.
func (c *session) fail(code uint16, reason string) { c.conn.Finish(frame.Close(code, reason)) }

// bye tells the client to come back later, elsewhere.
func (c *session) bye() {
	after := rand.N(c.server.cfg.Limits.ComeBack)
	c.conn.Send(encode(byeMessage{"bye", "the server is about to end", after.Milliseconds()}))
	c.fail(frame.GoingAway, "the server is about to end")
}

// look is called about once a second.
func (c *session) look(now time.Time) {
	l := &c.server.cfg.Limits
	second := now.Unix()
	handshake, heartbeat := int64(l.Handshake/time.Second), int64(l.Heartbeat/time.Second)
	c.mu.Lock()
	caller, due := c.caller, second >= c.beat
	if due {
		c.beat = second + heartbeat
	}
	c.mu.Unlock()
	begun := c.begun.Load()
	switch {
	case caller == nil && second-c.opened > handshake:
		c.fail(CloseTimeout, "no frame of type auth has come in time")
	case begun != 0 && second-begun > handshake:
		c.fail(CloseTimeout, "the rest of a message has not come in time")
	case caller != nil && !caller.Expires.IsZero() && now.After(caller.Expires):
		c.fail(CloseUnauthenticated, "the access token has expired; send a new one in a frame of type auth before it does")
	case due && c.pinged.Load() >= unanswered:
		c.fail(CloseTimeout, "nothing was heard of the client")
		c.conn.Close()
	case due:
		c.pinged.Add(1)
		c.keep()
	}
}

// unanswered is how many pings a client may leave without an answer. They are
// counted, and not the time, because it is not the client that was silent when
// this process was too busy to send or to read, or was stopped.
const unanswered = 2

// keep sends the heartbeat: positions, so that the client can come back
// although its channels were quiet, and a ping, in one packet mostly.
func (c *session) keep() {
	c.mu.Lock()
	all := slices.Clone(c.subscriptions)
	c.mu.Unlock()
	together := false
	for i, s := range all {
		together = s.Tell(func(p feed.Positions) []byte {
			told := frame.Text(appendPosition(nil, s.Channel(), p))
			if i == len(all)-1 {
				told = append(told, ping...)
			}
			return told
		})
	}
	if !together {
		c.conn.Send(ping)
	}
}

var ping = frame.Ping()
