package socket

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what connections hold.
type Limits struct {
	// Queue is the most bytes that wait for one peer that reads slowly.
	Queue int
	// Linger is how long a connection that is finished may take to send the
	// rest.
	Linger time.Duration
	// Readers is how many connections are read at one time; the others wait
	// their turn.
	Readers int
}

// A Set is the connections of one server.
type Set struct {
	limits   Limits
	loop     *loop // nil where there is none
	slots    chan struct{}
	buffers  sync.Pool
	refusals atomic.Uint64
	gone     sync.WaitGroup
}

// readBuffer is how much is read at a time.
const readBuffer = 4 << 10

// NewSet returns an empty set. Without goroutines it has a loop where the
// system offers one.
func NewSet(limits Limits, goroutines bool) (*Set, error) {
	s := &Set{limits: limits, slots: make(chan struct{}, limits.Readers)}
	s.buffers.New = func() any { return new([readBuffer]byte) }
	if goroutines {
		return s, nil
	}
	l, err := newLoop(s)
	if errors.Is(err, errors.ErrUnsupported) {
		return s, nil
	}
	s.loop = l
	return s, err
}

// Refusals returns how often a queue was full.
func (s *Set) Refusals() uint64 { return s.refusals.Load() }

// Adopt takes a connection over, which nothing else may use any more, and
// returns it before anything is read. [Conn.Start] has to be called next. On an
// error the connection is still the caller's.
func (s *Set) Adopt(stream net.Conn, h Handler) (*Conn, error) {
	c := &Conn{set: s, handler: h, fd: -1, reading: true}
	if s.loop != nil {
		taken, err := s.loop.adopt(c, stream)
		if err != nil {
			return nil, err
		}
		if taken {
			s.gone.Add(1)
			return c, nil
		}
	}
	if err := stream.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("adopt a connection: %w", err)
	}
	c.stream = stream
	s.gone.Add(1)
	return c, nil
}

// Start begins to read, after bytes that have come already.
func (c *Conn) Start(already []byte) { go c.begin(append([]byte(nil), already...)) }

func (c *Conn) begin(already []byte) {
	c.hand(already)
	if c.stream != nil {
		c.readStream()
		return
	}
	c.idle()
}

// hand gives bytes to the handler, and does what that wants done.
func (c *Conn) hand(data []byte) {
	if c.deaf() {
		return
	}
	for slow := c.handler.Data(data); slow != nil; slow = c.handler.Data(nil) {
		slow()
	}
}

// Close ends the loop, once all connections have ended.
func (s *Set) Close() error {
	s.gone.Wait()
	if s.loop != nil {
		return s.loop.close()
	}
	return nil
}

// readStream reads a connection that the loop does not.
func (c *Conn) readStream() {
	buffer := make([]byte, readBuffer)
	for {
		n, err := c.stream.Read(buffer)
		if n > 0 {
			c.hand(buffer[:n])
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	c.end()
	c.free()
}

// writeStream empties the queue of a connection that the loop does not write.
func (c *Conn) writeStream() {
	for {
		frames, drained := c.head()
		if drained {
			c.handler.Drained()
		}
		if frames == nil {
			return
		}
		_, err := frames.WriteTo(c.stream)
		if c.wrote(err) {
			c.handler.Drained()
		}
	}
}

// burst is how many frames are written in one go.
const burst = 64

// head takes frames from the queue, which stay counted until they are written.
// There are none when everything was refused before it was looked at.
func (c *Conn) head() (frames net.Buffers, drained bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) == 0 {
		c.writing = false
		if c.ending {
			c.leave()
		}
		return nil, !c.closed && c.stalled && c.emptied()
	}
	n := min(len(c.queue), burst)
	for i := range n {
		frames = append(frames, c.queue[i].frame)
		c.queue[i].offer = false // it is being sent
	}
	c.sent = n
	return frames, false
}

// wrote takes from the queue what head returned.
func (c *Conn) wrote(err error) (drained bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.end()
	}
	if c.closed {
		return false
	}
	for i := range c.sent {
		c.queued -= len(c.queue[i].frame)
	}
	c.queue = c.queue[c.sent:]
	c.sent = 0
	return len(c.queue) == 0 && c.emptied()
}

// wantWrite makes somebody empty the queue.
func (c *Conn) wantWrite() {
	if c.stream == nil {
		c.arm()
		return
	}
	if !c.writing {
		c.writing = true
		go c.writeStream()
	}
}

// shutWrite ends one direction of a connection that the loop does not write. It
// may have to wait for the peer.
func shutWrite(stream net.Conn) {
	if half, ok := stream.(interface{ CloseWrite() error }); ok {
		go func() { _ = half.CloseWrite() }() // it is about to be closed
	}
}
