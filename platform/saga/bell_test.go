package saga_test

import (
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// The runtime finds hooks by their interfaces.
var (
	_ bus.BatchHook = (*saga.Bell)(nil)
	_ bus.HoldHook  = (*saga.Bell)(nil)
)

func TestBell(t *testing.T) {
	db, err := sqlite.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	woken, stop := db.Listen()
	defer stop()
	rang := func() bool {
		select {
		case <-woken:
			return true
		default:
			return false
		}
	}
	d := review(newOthers())
	b := saga.NewBell(db, d)
	for _, c := range []struct {
		name string
		ring func()
		want bool
	}{
		{"start event", func() { b.BatchApplied(bus.Position{Consumer: d.Start.Route.Consumer}, 1, time.Second) }, true},
		{"nothing applied", func() { b.BatchApplied(bus.Position{Consumer: d.Start.Route.Consumer}, 0, time.Second) }, false},
		{"awaited event from the hold", func() { b.Released(&bus.Delivery{Consumer: d.Steps[1].Await.Route.Consumer}, bus.Applied) }, true},
		{"another consumer", func() { b.BatchApplied(bus.Position{Consumer: "notes.OnAnything"}, 1, time.Second) }, false},
	} {
		if c.ring(); rang() != c.want {
			t.Errorf("%s: want a ring: %v", c.name, c.want)
		}
	}
}
