package frame

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A Kind is what a [Reader] hands out.
type Kind byte

// The kinds of a [Message].
const (
	TextMessage Kind = iota + 1
	PingMessage
	PongMessage
	CloseMessage
)

// A Message is one text message, however many frames it came in, or one
// control frame. The payload is valid until the next call of the reader.
type Message struct {
	Kind    Kind
	Payload []byte
	// Code is that of a close, 1005 for one without a code.
	Code uint16
}

// A Reader reads what one client sends. It keeps no memory between messages.
// The zero Reader is ready. It is used by one goroutine at a time.
type Reader struct {
	rest       []byte // bytes that have come and are not used up
	message    []byte // the fragments so far
	fragmented bool
	closed     bool
}

// Add takes bytes that have come, which it copies only if a frame is not
// complete. [Reader.Next] has to be called until it has no more.
func (r *Reader) Add(data []byte) {
	if len(r.rest) == 0 {
		r.rest = data
		return
	}
	r.rest = append(r.rest, data...)
}

// Keep makes what is not used up independent of the bytes given to Add, and
// releases what is.
func (r *Reader) Keep() {
	if len(r.rest) == 0 {
		r.rest = nil
		return
	}
	r.rest = append([]byte(nil), r.rest...)
}

// Pending tells whether part of a frame or message has come.
func (r *Reader) Pending() bool { return len(r.rest) > 0 || r.fragmented }

// Next returns the next message, and false when more bytes are needed. limit
// is the most bytes of a message. Errors are of type *[Error]; nothing is read
// after one, nor after a close.
func (r *Reader) Next(limit int) (Message, bool, error) {
	for !r.closed {
		h, size, err := r.header(limit)
		if err != nil {
			r.end()
			return Message{}, false, err
		}
		if size == 0 || len(r.rest) < size+int(h.Length) {
			return Message{}, false, nil
		}
		payload := r.rest[size : size+int(h.Length) : size+int(h.Length)]
		r.rest = r.rest[size+int(h.Length):]
		ws.Cipher(payload, h.Mask, 0)
		m, done, err := r.take(h, payload)
		if err != nil {
			r.end()
		}
		if done || err != nil {
			return m, done && err == nil, err
		}
	}
	return Message{}, false, nil
}

// end drops everything and reads nothing more.
func (r *Reader) end() { *r = Reader{closed: true} }

// header returns the header at the beginning of the rest with its size, which
// is 0 when it is not complete.
func (r *Reader) header(limit int) (h ws.Header, size int, err error) {
	h, size, err = parseHeader(r.rest)
	if size == 0 || err != nil {
		return h, 0, err
	}
	state := ws.StateServerSide
	if r.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, 0, &Error{ProtocolError, err.Error()}
	}
	if h.OpCode.IsData() && h.Length > int64(limit-len(r.message)) {
		return h, 0, &Error{TooLarge, fmt.Sprintf("a message is larger than %d bytes", limit)}
	}
	return h, size, nil
}

func parseHeader(b []byte) (h ws.Header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]>>4&7, ws.OpCode(b[0]&0x0f)
	h.Masked, h.Length, size = b[1]&0x80 != 0, int64(b[1]&0x7f), 2
	switch h.Length {
	case 126:
		if len(b) < 4 {
			return h, 0, nil
		}
		h.Length, size = int64(binary.BigEndian.Uint16(b[2:])), 4
		err = minimal(h.Length, 125)
	case 127:
		if len(b) < 10 {
			return h, 0, nil
		}
		h.Length, size = int64(binary.BigEndian.Uint64(b[2:])), 10
		err = minimal(h.Length, 1<<16-1)
	}
	if err != nil || !h.Masked {
		return h, size, err
	}
	if len(b) < size+4 {
		return h, 0, nil
	}
	copy(h.Mask[:], b[size:])
	return h, size + 4, nil
}

// minimal refuses lengths that fit into a shorter form, and negative ones.
func minimal(length, shorter int64) error {
	if length <= shorter {
		return &Error{ProtocolError, "the length of a frame is not in its shortest form"}
	}
	return nil
}

// take returns a message that is complete with this frame.
func (r *Reader) take(h ws.Header, payload []byte) (m Message, done bool, err error) {
	switch h.OpCode {
	case ws.OpPing:
		return Message{Kind: PingMessage, Payload: payload}, true, nil
	case ws.OpPong:
		return Message{Kind: PongMessage, Payload: payload}, true, nil
	case ws.OpClose:
		m, err = closing(payload)
		r.end()
		return m, true, err
	case ws.OpBinary:
		return m, false, &Error{UnsupportedData, "messages are text"}
	}
	if !h.Fin {
		r.fragmented = true
		r.message = append(r.message, payload...)
		return m, false, nil
	}
	if r.fragmented {
		payload = append(r.message, payload...)
		r.message, r.fragmented = nil, false
	}
	if !utf8.Valid(payload) {
		return m, false, &Error{InvalidText, "a message is not UTF-8"}
	}
	return Message{Kind: TextMessage, Payload: payload}, true, nil
}

// noStatus is what a close frame without a code means.
const noStatus = 1005

// maxCode is the last of the codes for private use.
const maxCode = 4999

func closing(payload []byte) (Message, error) {
	if len(payload) == 0 {
		return Message{Kind: CloseMessage, Code: noStatus}, nil
	}
	if len(payload) == 1 {
		return Message{}, &Error{ProtocolError, "a close frame has half a code"}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if !utf8.ValidString(reason) {
		return Message{}, &Error{InvalidText, "the reason of a close frame is not UTF-8"}
	}
	if err := ws.CheckCloseFrameData(code, reason); err != nil {
		return Message{}, &Error{ProtocolError, err.Error()}
	}
	if code > maxCode {
		return Message{}, &Error{ProtocolError, "status code is beyond those that there are"}
	}
	return Message{Kind: CloseMessage, Payload: payload, Code: uint16(code)}, nil
}
