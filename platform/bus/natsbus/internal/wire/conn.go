// Package wire has the client of NATS hand over the headers of messages as they
// are on the wire, and reads where in a stream a message was.
//
// The client makes a map of the headers of every message before anybody sees
// it, which is more than a third of what reading an event costs (decision
// 0016). The connections of a [Dialer], between the client and the network,
// therefore have it take the headers of what a [RawConsumer] delivers for the
// beginning of the message. Of
//
//	HMSG pl.quiz.completed.v1.3 7 $JS.ACK.….raw=Xb2….….1.12.12.1764….0 190 472
//
// they make, without moving a byte,
//
//	MSG  pl.quiz.completed.v1.3 7 $JS.RAW.….raw=Xb2….….1.12.12.1764….0.190 472
//
// so that the reply subject says that the headers are there, and how long they
// are. All else passes as it is: other subscriptions, what the server says of
// requests, and connections that do not begin in plain text, as those of TLS.
// The headers of their messages are in the client's map.
package wire

import (
	"bytes"
	"context"
	"math"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const (
	// RawConsumer begins the names of the consumers whose deliveries stay raw.
	// No name of a topic has an equals sign.
	RawConsumer = "raw="

	deliveredPrefix = "$JS.ACK."
	rawPrefix       = "$JS.RAW."

	// longestLine is how much is held back at most until the end of a line.
	longestLine = 8 << 10
)

// A Dialer opens connections for the client. It is safe for concurrent use.
type Dialer struct{ net net.Dialer }

// NewDialer returns a dialer that waits as long for a server as the client's
// own.
func NewDialer() *Dialer { return &Dialer{net.Dialer{Timeout: nats.DefaultTimeout}} }

// Dial implements [nats.CustomDialer].
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.net.DialContext(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// What a conn knows of its connection.
const (
	unopened int32 = iota // nothing: the client has not written
	readable              // it speaks the protocol in plain text
	opaque                // it does not, or not as it is known here
)

// A conn is one connection of the client. One goroutine reads it at a time.
type conn struct {
	net.Conn
	speaks atomic.Int32

	held []byte // the beginning of a line, for the next Read
	skip int    // what is left of a message after its line
}

// Write implements [net.Conn]. The first write tells how the client speaks; by
// then it has read the server's first line.
func (c *conn) Write(b []byte) (int, error) {
	if c.speaks.Load() == unopened && len(b) > 0 {
		speaks := opaque
		if bytes.HasPrefix(b, []byte("CONNECT ")) {
			speaks = readable
		}
		c.speaks.Store(speaks)
	}
	return c.Conn.Write(b)
}

// Read implements [net.Conn].
func (c *conn) Read(b []byte) (int, error) {
	for c.speaks.Load() == readable && len(b) > len(c.held) {
		n := copy(b, c.held)
		read, err := c.Conn.Read(b[n:])
		n += read
		c.held = c.held[:0]
		whole := c.rewrite(b[:n])
		if err != nil {
			return n, err
		}
		c.held = append(c.held, b[whole:n]...)
		if whole > 0 {
			return whole, nil
		}
	}
	if n := copy(b, c.held); n > 0 {
		c.speaks.Store(opaque)
		c.held = c.held[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// rewrite looks at all whole lines, and returns where the first begins that is
// not.
func (c *conn) rewrite(b []byte) (whole int) {
	for whole < len(b) {
		if c.skip > 0 {
			n := min(c.skip, len(b)-whole)
			c.skip -= n
			whole += n
			continue
		}
		line := b[whole:]
		end := bytes.IndexByte(line, '\n') + 1
		if end == 0 && len(line) < longestLine {
			return whole
		}
		ok := end > 0
		if ok {
			c.skip, ok = rewriteLine(line[:end])
		}
		if !ok { // the client may know what this is
			c.speaks.Store(opaque)
			return len(b)
		}
		whole += end
	}
	return whole
}

// rewriteLine rewrites the line of a raw consumer's delivery, and returns how
// many bytes follow before the next line.
func rewriteLine(line []byte) (follow int, ok bool) {
	withHeaders := bytes.HasPrefix(line, []byte("HMSG "))
	if !withHeaders && !bytes.HasPrefix(line, []byte("MSG ")) {
		return 0, true
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return 0, false
	}
	size := bytes.LastIndexByte(text, ' ')
	follow, err := strconv.Atoi(string(text[size+1:]))
	if err != nil || follow < 0 || follow > math.MaxInt32 {
		return 0, false
	}
	if withHeaders {
		markRaw(text[:size])
	}
	return follow + len("\r\n"), true
}

// markRaw rewrites a line without the size, if it is a raw consumer's delivery.
func markRaw(line []byte) {
	headers := bytes.LastIndexByte(line, ' ')
	if headers < 0 {
		return
	}
	reply := line[bytes.LastIndexByte(line[:headers], ' ')+1 : headers]
	if bytes.HasPrefix(reply, []byte(deliveredPrefix)) && bytes.Contains(reply, []byte("."+RawConsumer)) {
		copy(line, "MSG  ")
		copy(reply, rawPrefix)
		line[headers] = '.'
	}
}
