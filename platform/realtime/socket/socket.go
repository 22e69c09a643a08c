// Package socket moves the bytes of many connections. On Linux, plain TCP
// connections share one epoll loop: none has a goroutine or a buffer of its
// own while nothing happens, and what is sent is written at once, without
// waiting. TLS connections and other systems have a goroutine each for
// reading. Both behave the same.
//
// What is sent is queued for a connection whose peer reads slowly, up to a
// limit; see [Conn.Offer].
package socket

import (
	"net"
	"sync"
	"time"
)

// A Handler is one connection's other half. Data is never called twice at one
// time for one connection.
type Handler interface {
	// Data takes bytes that have come; they are valid until it returns. When it
	// returns a function, that is called next, and may take its time; then Data
	// is called again, with no bytes first.
	Data(data []byte) (slow func())
	// Drained is called when everything is sent after an offer was refused. It
	// may overlap with every other method.
	Drained()
	// Closed is called once, when the connection has ended for whatever reason.
	// Data is not called after it.
	Closed()
}

// A Conn is one connection. Its methods are safe for concurrent use. What a
// frame that is sent at once needs of it comes first, in 64 bytes.
type Conn struct {
	mu      sync.Mutex
	refused uint32
	stalled bool // something was refused since the queue was last empty
	closed  bool // no more is sent or read
	ending  bool // it is to be closed when the queue is empty, and what comes is ignored
	reading bool // somebody is in handler.Data, or about to be
	writing bool // somebody empties the queue of a stream
	left    bool // all is sent, and the peer has been told so
	freed   bool // the descriptor is given back
	fd      int
	stream  net.Conn // nil for one that the loop reads and writes
	queue   []item

	queued  int // bytes in queue
	sent    int // bytes of the queue's first that are sent
	set     *Set
	handler Handler
}

// An item is one frame that waits.
type item struct {
	frame []byte
	offer bool
}

// Refusals returns how often offers were refused, for [Conn.Offer].
func (c *Conn) Refusals() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// Offer sends a frame that the peer can do without, and returns false when it
// does not: because the connection has ended, because the queue is full, or
// because something was refused since refusals was read with [Conn.Refusals].
// When the queue is full, all offers in it are dropped too, and Refusals
// counts; the handler's Drained is called when the peer has read the rest. The
// frame must not be changed afterwards.
func (c *Conn) Offer(refusals uint32, frame []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.ending || c.stalled || c.refused != refusals:
		return false
	case len(c.queue) > 0 && c.queued+len(frame) > c.set.limits.Queue:
		c.refuse()
		return false
	}
	c.put(item{frame, true})
	return true
}

// refuse drops all offers of which nothing was sent yet.
func (c *Conn) refuse() {
	c.refused++
	c.stalled = true
	kept := c.queue[:0]
	for i, it := range c.queue {
		if !it.offer || i == 0 && c.sent > 0 {
			kept = append(kept, it)
			continue
		}
		c.queued -= len(it.frame)
	}
	clear(c.queue[len(kept):])
	c.queue = kept
	c.set.refusals.Add(1)
}

// Send sends a frame that the peer cannot do without. A peer that reads so
// slowly that such frames alone fill the queue is cut off.
func (c *Conn) Send(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ending {
		return
	}
	if c.queued+len(frame) > c.set.limits.Queue+maxHeadroom {
		c.end()
		return
	}
	c.put(item{frame, false})
}

// maxHeadroom is what frames of Send may take beyond the limit for offers.
const maxHeadroom = 1 << 20

// Finish sends a last frame, if there is one, and says that nothing follows
// when everything is sent, or gives up on that after a moment. What comes
// until the peer closes too is thrown away; a peer that does not is left after
// a second. So the peer can read to the end: a connection that is closed with
// something unread is reset, and then the peer loses what it has not read.
func (c *Conn) Finish(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.ending {
		return
	}
	if frame != nil {
		c.put(item{frame, false})
	}
	c.ending = true
	if len(c.queue) == 0 && !c.writing {
		c.leave()
		return
	}
	time.AfterFunc(c.set.limits.Linger, c.Close)
}

// farewell is how long a peer may take to close after it is told that nothing
// follows.
const farewell = time.Second

// leave says that nothing follows, and waits for the peer to close.
func (c *Conn) leave() {
	if c.closed || c.left {
		return
	}
	c.left, c.stalled = true, false
	c.shutWrite()
	time.AfterFunc(farewell, c.Close)
}

// deaf tells whether what comes is of no interest any more.
func (c *Conn) deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending || c.closed
}

// Close ends the connection at once.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
}

// put writes or queues.
func (c *Conn) put(it item) {
	if c.closed {
		return
	}
	if len(c.queue) == 0 && c.stream == nil {
		n, err := c.writeNow(it.frame)
		if err != nil {
			c.end()
			return
		}
		if n == len(it.frame) {
			return
		}
		c.sent = n
	}
	c.queue = append(c.queue, it)
	c.queued += len(it.frame)
	c.wantWrite()
}

// emptied is what follows when the last byte of the queue is sent. It returns
// whether Drained has to be called, without the lock.
func (c *Conn) emptied() (drained bool) {
	c.queue, c.queued, c.sent = nil, 0, 0
	if c.ending {
		c.leave()
		return false
	}
	drained = c.stalled
	c.stalled = false
	return drained
}

// end closes for good. The descriptor is given back by whoever reads, if
// anybody does: another connection might get its number.
func (c *Conn) end() {
	if c.closed {
		return
	}
	c.closed = true
	c.queue, c.queued = nil, 0
	c.shut()
	if !c.reading {
		c.free()
	}
}

// free gives the connection back. The handler hears of it without the lock.
func (c *Conn) free() {
	if c.freed {
		return
	}
	c.freed = true
	c.release()
	go func() {
		c.handler.Closed()
		c.set.gone.Done()
	}()
}
