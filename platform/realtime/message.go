package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/frame"
)

// Codes that sessions are closed with, besides those of RFC 6455.
const (
	CloseMalformed       uint16 = 4400
	CloseUnauthenticated uint16 = 4401
	CloseOtherCaller     uint16 = 4403
	CloseTimeout         uint16 = 4408
	CloseTooMany         uint16 = 4429
)

// A request is what a client sends.
type request struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Token     string          `json:"token"`
	Channel   string          `json:"channel"`
	After     feed.Positions  `json:"after"`
	Presence  bool            `json:"presence"`
	Procedure string          `json:"procedure"`
	Key       string          `json:"key"`
	Request   json.RawMessage `json:"request"`
	// TraceParent and TraceState are the W3C trace context of a call.
	TraceParent string `json:"traceparent"`
	TraceState  string `json:"tracestate"`
}

// maxID is the longest id that a client may give a request.
const maxID = 64

func parseRequest(payload []byte) (*request, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	r := new(request)
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("the frame is not a request: %w", hideValue(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the frame holds more than one request")
	}
	if len(r.ID) > maxID {
		return nil, fmt.Errorf("the id is longer than %d bytes", maxID)
	}
	return r, nil
}

// hideValue leaves out what the client sent.
func hideValue(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("the field %s has another type", wrong.Field)
	}
	return err
}

// What the server sends, besides events.
type (
	readyMessage struct {
		Type      string `json:"type"`
		ID        string `json:"id,omitempty"`
		Session   string `json:"session"`
		Caller    string `json:"caller"`
		Expires   string `json:"expires,omitempty"`
		Heartbeat int64  `json:"heartbeatMillis"`
	}
	channelMessage struct {
		Type      string         `json:"type"`
		ID        string         `json:"id,omitempty"`
		Channel   string         `json:"channel"`
		Reason    string         `json:"reason,omitempty"`
		Resumed   *bool          `json:"resumed,omitempty"`
		Positions feed.Positions `json:"positions,omitempty"`
	}
	answerMessage struct {
		Type     string          `json:"type"`
		ID       string          `json:"id"`
		Response json.RawMessage `json:"response,omitempty"`
		Error    *problem        `json:"error,omitempty"`
	}
	errorMessage struct {
		Type string `json:"type"`
		ID   string `json:"id,omitempty"`
		problem
	}
	plainMessage struct {
		Type string `json:"type"`
		ID   string `json:"id,omitempty"`
	}
	byeMessage struct {
		Type       string `json:"type"`
		Reason     string `json:"reason"`
		RetryAfter int64  `json:"retryAfterMillis"`
	}
)

// A problem is an error as clients get it. The codes are Connect's.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func problemOf(err error) *problem {
	var own *connect.Error
	if errors.As(err, &own) {
		return &problem{own.Code().String(), own.Message()}
	}
	return &problem{connect.CodeInternal.String(), "internal error"}
}

func refused(code connect.Code, format string, args ...any) *connect.Error {
	return connect.Errorf(code, format, args...)
}

// appendPosition appends the message that heartbeats are, a channelMessage, as
// [encode] would.
func appendPosition(b []byte, channel string, at feed.Positions) []byte {
	b = appendText(append(b, `{"type":"position","channel":`...), channel)
	for i, name := range slices.Sorted(maps.Keys(at)) {
		if i == 0 {
			b = append(b, `,"positions":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = strconv.AppendInt(b, at[name], 10)
	}
	if len(at) > 0 {
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendText(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // text cannot fail
	return append(b, quoted...)
}

// encode makes a frame of a message of this package.
func encode(message any) []byte {
	text, _ := json.Marshal(message) // texts, numbers and maps of them cannot fail
	return frame.Text(text)
}

func formatExpiry(c *identity.Caller) string {
	if c.Expires.IsZero() {
		return ""
	}
	return c.Expires.UTC().Format(time.RFC3339)
}
