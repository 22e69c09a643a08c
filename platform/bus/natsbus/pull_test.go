package natsbus

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// What the server says of requests, and what it means for the next one.
func TestAPullKnowsWhatIsToCome(t *testing.T) {
	status := func(code, left string) *nats.Msg {
		h := nats.Header{"Status": {code}}
		if left != "" {
			h["Nats-Pending-Messages"] = []string{left}
		}
		return &nats.Msg{Header: h}
	}
	message := func(number int) *nats.Msg {
		return &nats.Msg{Reply: fmt.Sprintf("$JS.ACK.s.c.1.7.%d.4.5", number)}
	}
	for name, test := range map[string]struct {
		msg    *nats.Msg
		wanted int
		ok     bool
		lost   bool
	}{
		"the next message":        {message(5), 9, true, false},
		"a message after a gap":   {message(6), 9, false, true},
		"a message again":         {message(4), 9, false, true},
		"a sign of life":          {status("100", ""), 10, false, false},
		"a request that is over":  {status("408", "3"), 7, false, false},
		"more than was asked for": {status("409", "30"), 0, false, false},
		"no consumer":             {status("409", ""), 10, false, true},
		"no server":               {status("503", ""), 10, false, true},
		"something else":          {&nats.Msg{Data: []byte("x")}, 10, false, true},
	} {
		p := &pull{wanted: 10, delivered: 4}
		_, ok, err := p.read(test.msg)
		if ok != test.ok || errors.Is(err, errDeliveryLost) != test.lost || p.wanted != test.wanted {
			t.Errorf("%s: %t, %v, %d are to come", name, ok, err, p.wanted)
		}
	}
}

// The headers of our consumers' messages come as they are on the wire.
func TestMessagesComeRaw(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	if err := c.Publish(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	p, err := c.pull(t.Context(), streamName(topic, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	for i := range 3 {
		msg := <-p.messages
		d, ok, err := p.read(msg)
		if !ok || err != nil || d.Sequence != uint64(i)+1 || d.Headers <= 0 || msg.Header != nil {
			t.Fatalf("message %d: %+v (%t, %v), headers %v", i, d, ok, err, msg.Header)
		}
		r := (&reader{}).content(d, msg)
		if string(r.Value) != fmt.Sprint(i) || string(r.Key) != "k" {
			t.Errorf("message %d has key %q and value %q", i, r.Key, r.Value)
		}
	}
}

// A server that shows no life for two heartbeats has lost the consumer.
func TestSilenceIsNoticed(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 1)
	r, err := c.read(t.Context(), newPartition(&member{conn: c}, topicPartition{topic, 0}), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { r.pull.stop() }()
	first := r.pull
	if err := r.watch(t.Context()); err != nil || r.pull != first {
		t.Fatalf("a consumer that has just been made is replaced (%v)", err)
	}
	r.heard = r.heard.Add(-time.Hour)
	if err := r.watch(t.Context()); err != nil || r.pull == first || time.Since(r.heard) > time.Minute {
		t.Fatalf("a silent consumer is not replaced (%v)", err)
	}
}
