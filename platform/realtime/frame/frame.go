// Package frame is the framing of RFC 6455 as a server that does not block
// needs it: a [Reader] takes bytes as they come and hands out messages, and
// frames to send are made once, for any number of connections.
package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gobwas/ws"
)

// An Error says why a connection has to be closed, with the status code of
// RFC 6455, section 7.4.1, that the peer is told.
type Error struct {
	Code   uint16
	Reason string
}

// Error returns the reason with its code.
func (e *Error) Error() string { return fmt.Sprintf("websocket: %s (%d)", e.Reason, e.Code) }

// Status codes that this package and its users close with.
const (
	NormalClosure   uint16 = 1000
	GoingAway       uint16 = 1001
	ProtocolError   uint16 = 1002
	UnsupportedData uint16 = 1003
	InvalidText     uint16 = 1007
	PolicyViolation uint16 = 1008
	TooLarge        uint16 = 1009
	InternalError   uint16 = 1011
)

// Text returns payload as one unmasked text frame. The result may be sent to
// any number of connections and must not be changed.
func Text(payload []byte) []byte { return build(ws.OpText, payload) }

// Ping returns a ping with no payload.
func Ping() []byte { return build(ws.OpPing, nil) }

// Pong returns the answer to a ping with this payload.
func Pong(payload []byte) []byte { return build(ws.OpPong, payload) }

// maxReason is what fits into a control frame behind the code.
const maxReason = ws.MaxControlFramePayloadSize - 2

// Close returns a close frame. A reason that does not fit is cut.
func Close(code uint16, reason string) []byte {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return build(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
}

func build(op ws.OpCode, payload []byte) []byte {
	const fin = 0x80
	b := append(make([]byte, 0, longestHeader+len(payload)), fin|byte(op))
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// longestHeader is that of a frame without a mask.
const longestHeader = 10

// Payload returns the text of a frame that [Text] has made. It shares the
// frame's memory.
func Payload(text []byte) []byte {
	_, size, _ := parseHeader(text) // Text makes no other
	return text[size:]
}
