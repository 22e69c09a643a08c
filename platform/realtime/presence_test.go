package realtime_test

import (
	"slices"
	"testing"
	"time"
)

// listed reads messages until the list that they make is names.
func (c *client) listed(names ...string) {
	c.Helper()
	for !slices.Equal(c.there, names) {
		m := c.next()
		if m.Type != "presence" {
			c.Fatalf("got %+v", m)
		}
		if m.Members != nil {
			c.there = nil
		}
		c.there = slices.Concat(c.there, m.Members, m.Joined)
		c.there = slices.DeleteFunc(c.there, func(name string) bool { return slices.Contains(m.Left, name) })
		slices.Sort(c.there)
		if m.Count != len(c.there) {
			c.Fatalf("%+v counts otherwise than its names: %v", m, c.there)
		}
	}
}

// TestPresence is about two instances on real brokers; package presence tests
// the times on a virtual clock.
func TestPresence(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *world{"kafka": newWorld, "nats": newNATSWorld} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			one, two := w.gateway(), w.gateway()
			ada := one.dialAs("ada")
			ada.subscribe("course:open", "presence", true)
			ada.listed("ada")
			ben := two.dialAs("ben")
			ben.subscribe("course:open", "presence", true)
			ada.listed("ada", "ben")
			ben.listed("ada", "ben")
			telephone := two.dialAs("ada")
			telephone.subscribe("course:open")
			cleo := two.dialAs("cleo")
			cleo.subscribe("course:open") // and does not ask
			ada.listed("ada", "ben", "cleo")
			w.must(ben.ws.CloseNow())
			ada.listed("ada", "cleo")
			late := w.gateway().dialAs("dan")
			late.subscribe("course:open", "presence", true)
			late.listed("ada", "cleo", "dan")
			began := time.Now()
			w.must(two.server.Drain(t.Context()))
			late.listed("ada", "dan")
			if took := time.Since(began); took > 20*time.Second { // a killed one's go after 75
				t.Errorf("after %s", took)
			}
			if m := cleo.next(); m.Type != "bye" {
				t.Errorf("who did not ask was told %+v", m)
			}
		})
	}
}

func TestPresenceIsShownWhereTheContractSaysSo(t *testing.T) {
	w := newWorld(t)
	c := w.gateway().dialAs("ada")
	c.send("subscribe", "id", "1", "channel", "user:ada", "presence", true)
	if m := c.next(); m.Code != "invalid_argument" || m.ID != "1" {
		t.Errorf("got %+v", m)
	}
}

// TestNobodyIsLeftBehind opens and ends sessions in every way, at once.
func TestNobodyIsLeftBehind(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	for i := range 30 {
		c := g.dialAs("ben")
		c.send("subscribe", "channel", "course:open", "presence", true)
		switch i % 3 {
		case 0: // while the session subscribes
		case 1:
			c.next()
		case 2:
			c.next()
			c.send("unsubscribe", "channel", "course:open")
		}
		w.must(c.ws.CloseNow())
	}
	w.eventually("the sessions have ended", func() bool { return g.server.Stats().Sessions == 0 })
	ada := g.dialAs("ada")
	ada.subscribe("course:open", "presence", true)
	ada.listed("ada")
}
