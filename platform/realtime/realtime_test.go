package realtime_test

import (
	"testing"
)

func TestAnEventReachesWhomItIsAbout(t *testing.T) {
	w := newWorld(t)
	c := w.gateway().dialAs("ada student")
	c.subscribe("user:ada")
	w.note("ben", 1)
	w.note("ada", 2)
	m := c.next()
	if m.Type != "event" || m.Channel != "user:ada" || m.Data["n"] != 2.0 || m.Data["text"] != "secret" || m.Event != noteType.Topic {
		t.Errorf("got %+v", m)
	}
}
