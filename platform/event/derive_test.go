package event_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pulselearn/campus-hub/platform/event"
)

func TestDeriveID(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	id := event.DeriveID(at, "payment 1")
	if want := "019c21ac-ec65-7"; id[:len(want)] != want {
		t.Errorf("%s does not begin with the time", id)
	}
	if id != event.DeriveID(at.In(time.FixedZone("", 3600)).Add(400*time.Microsecond), "payment 1") {
		t.Error("the same time and name give another id")
	}
	if id == event.DeriveID(at, "payment 2") || id == event.DeriveID(at.Add(time.Millisecond), "payment 1") {
		t.Error("another time or name gives the same id")
	}
	if later := event.DeriveID(at.Add(time.Millisecond), "payment 1"); later <= id {
		t.Errorf("%s does not sort behind %s", later, id)
	}
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 7 || parsed.Variant() != uuid.RFC4122 {
		t.Errorf("%s is a UUID of version %d: %v", id, parsed.Version(), err)
	}
}
