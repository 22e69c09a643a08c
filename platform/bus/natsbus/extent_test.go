package natsbus

import (
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

func TestExtents(t *testing.T) {
	c := start(t, false)()
	ensure(t, c, 2)
	publish := func(n int) {
		t.Helper()
		for range n {
			if err := c.Publish(t.Context(), []*driver.Record{{Topic: topic, Key: []byte("one"), Value: []byte("v"), Time: time.Now()}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(3)
	between := time.Now()
	publish(4)
	got, err := c.Extents(t.Context(), topic)
	if err != nil || len(got) != 2 || got[0].End+got[1].End != 7 || got[0].Oldest+got[1].Oldest != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	with := slices.IndexFunc(got, func(e driver.Extent) bool { return e.End == 7 })
	for at, want := range map[time.Time]int64{between.Add(-time.Hour): 0, between: 3, between.Add(time.Hour): 7} {
		found, err := c.OffsetsAt(t.Context(), topic, at)
		if err != nil || found[with] != want || found[1-with] != 0 {
			t.Errorf("at %s: got %v, %v, want %d", at, found, err, want)
		}
	}
	if _, err := c.Extents(t.Context(), "pl.nothing.v1"); err == nil {
		t.Error("a topic that does not exist has extents")
	}
}
