package realtime_test

import (
	"strings"
	"testing"
	"time"
)

func TestHeartbeat(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		w.limits.Heartbeat = time.Second
		g := w.gateway()
		c := g.dialAs("ada")
		begin := c.subscribe("user:ada").Positions
		w.note("ben", 1)
		w.eventually("the client is told how far the instance has read", func() bool {
			_, text, err := c.ws.Read(w.Context())
			w.must(err)
			return strings.HasPrefix(string(text), `{"type":"position"`) && len(begin) > 0
		})
	})
}

// TestOneThatAnswersNoPingIsLetGo: clients of this library answer while they
// read.
func TestOneThatAnswersNoPingIsLetGo(t *testing.T) {
	eachWay(t, func(t *testing.T, w *world) {
		w.limits.Heartbeat = time.Second
		g := w.gateway()
		g.dialAs("ada") // and reads nothing
		reads := g.dialAs("ben")
		reads.subscribe("user:ben")
		w.eventually("one session is left", func() bool {
			_, _, err := reads.ws.Read(w.Context())
			w.must(err)
			return g.server.Stats().Sessions == 1
		})
		w.note("ben", 1)
		if m := reads.next(); m.Type != "event" {
			t.Errorf("got %+v", m)
		}
	})
}
