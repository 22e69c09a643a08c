//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/gobwas/ws"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// A dialect is what is said on a websocket.
type dialect struct {
	protocols []string
	hello     func(token, channel string) []string // each has one answer
	answers   [][]byte                             // how an answer may begin
	event     []byte                               // how an event begins
}

var ours = dialect{
	protocols: []string{realtime.Subprotocol},
	hello: func(token, channel string) []string {
		return []string{`{"type":"auth","token":"` + token + `"}`, `{"type":"subscribe","channel":"` + channel + `"}`}
	},
	answers: [][]byte{[]byte(`{"type":"ready"`), []byte(`{"type":"subscribed"`)},
	event:   []byte(`{"type":"event"`),
}

// Its protocol: centrifugal.dev/docs/transports/client_protocol.
var centrifuge = dialect{
	hello: func(_, channel string) []string {
		return []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"` + channel + `"}}`}
	},
	answers: [][]byte{[]byte(`{"id":1,"connect":`), []byte(`{"id":2,"subscribe":`)},
	event:   []byte(`{"push":`),
}

// heartbeat is what centrifuge sends to be sent back.
const heartbeat = `{}`

var (
	beat     = ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(heartbeat))))
	position = []byte(`{"type":"position"`)
	resync   = []byte(`{"type":"resync"`)
)

// expect reads an answer to hello.
func (d *dialect) expect(stream io.Reader) error {
	h, err := ws.ReadHeader(stream)
	if err != nil {
		return err
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(stream, payload); err != nil {
		return err
	}
	if h.OpCode == ws.OpPing || string(payload) == heartbeat || bytes.HasPrefix(payload, position) {
		return d.expect(stream) // a heartbeat; the answer to it comes in time
	}
	for _, answer := range d.answers {
		if bytes.HasPrefix(payload, answer) {
			return nil
		}
	}
	return fmt.Errorf("got %s", payload)
}
