package platformtest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/internal/relayrace"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

func runs(h *platformtest.Harness, runner string) int64 {
	h.T.Helper()
	n, err := relayrace.Runs(h.T.Context(), h.Client("race", platformtest.Admin("coach")), runner)
	if err != nil {
		h.T.Fatal(err)
	}
	return n
}

func TestGivenEventsAreApplied(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		h.Given(relayrace.NewHanded("ada"), relayrace.NewHanded("grace"), relayrace.NewHanded("ada"))
		if runs(h, "ada") != 2 || runs(h, "grace") != 1 {
			h.T.Errorf("ada ran %d times and grace %d times, want 2 and 1", runs(h, "ada"), runs(h, "grace"))
		}
		if got := platformtest.Published[*relayrace.Carried](h); len(got) != 3 {
			h.T.Errorf("%d batons were carried, want 3", len(got))
		}
		if got := platformtest.Published[*relayrace.Handed](h); len(got) != 0 {
			h.T.Errorf("the test's own events are among those of the context: %d", len(got))
		}
	})
}

func TestCommandCascades(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		if err := relayrace.Start(h.T.Context(), h.Client("race", platformtest.Admin("coach")), "ada"); err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		if got := platformtest.One[*relayrace.Carried](h); got.Runner != "ada" {
			h.T.Errorf("%s carried the baton", got.Runner)
		}
	})
}

func TestHoursOfRetriesPassInAMoment(t *testing.T) {
	t.Parallel()
	begin, stumbles := time.Now(), 0
	r := &relayrace.Race{Stumble: func(runner string) error {
		if runner == "ada" && stumbles < 14 {
			stumbles++
			return errors.New("the baton slipped")
		}
		return nil
	}}
	platformtest.Run(t, r.Register, func(h *platformtest.Harness) {
		h.Publish(relayrace.NewHanded("ada"), relayrace.NewHanded("ada"))
		h.Advance(2 * time.Second)
		if held := h.Held("race.OnHanded"); len(held) != 2 || held[0].Waits() || !held[1].Waits() {
			h.T.Errorf("held are %+v, want the one that stumbles and the one behind it", held)
		}
		if runs(h, "ada") != 0 || !strings.Contains(h.Log(), "delivery failed") {
			h.T.Errorf("ada ran %d times although she stumbled", runs(h, "ada"))
		}
		h.Advance(6 * time.Hour)
		h.Quiet()
		if stumbles != 14 || runs(h, "ada") != 2 {
			h.T.Errorf("after %d stumbles ada ran %d times, want 2", stumbles, runs(h, "ada"))
		}
	})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("six virtual hours took %s", took)
	}
}

func TestRestartGoesOn(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		h.Given(relayrace.NewHanded("ada"))
		h.Restart()
		h.Given(relayrace.NewHanded("ada"))
		if got := runs(h, "ada"); got != 2 {
			h.T.Errorf("ada ran %d times, want once before and once after the restart", got)
		}
	})
}

func TestQuietSeesWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	r := &relayrace.Race{Stumble: func(string) error { return errors.New("the baton slipped") }}
	platformtest.Run(t, r.Register, func(h *platformtest.Harness) {
		if err := h.Busy(); err != nil {
			h.T.Errorf("a process without work is busy: %v", err)
		}
		h.Publish(relayrace.NewHanded("ada"))
		h.Advance(10 * time.Second)
		err := h.Busy()
		if err == nil || !strings.Contains(err.Error(), "race.OnHanded holds event") || !strings.Contains(err.Error(), "the baton slipped") {
			h.T.Errorf("got %v, want the delivery that is retried", err)
		}
	})
}

// While everything fails events stay with the broker, and no attempt is lost;
// afterwards all of them are applied without anybody's help.
func TestOutagePassesByItself(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	r := &relayrace.Race{Stumble: func(string) error {
		if down.Load() {
			return errors.New("the track is flooded")
		}
		return nil
	}}
	platformtest.Run(t, r.Register, func(h *platformtest.Harness) {
		down.Store(true)
		for i := range 300 {
			h.Publish(relayrace.NewHanded(fmt.Sprint("runner", i)))
		}
		h.Advance(2 * time.Hour)
		held := h.Held("race.OnHanded")
		if len(held) < 20 || len(held) > 100 {
			h.T.Errorf("%d events are held, want about 20 a partition", len(held))
		}
		for _, row := range held {
			if row.State != hold.Held || row.Attempts > 2 {
				h.T.Errorf("event %s is %s after %d attempts", row.EventID, row.State, row.Attempts)
			}
		}
		if !strings.Contains(h.Log(), "no fresh deliveries are taken") {
			h.T.Error("the log does not say that the partitions are paused")
		}
		down.Store(false)
		h.Advance(time.Minute)
		h.Quiet()
		if got := len(platformtest.Published[*relayrace.Carried](h)); got != 300 {
			h.T.Errorf("%d batons were carried, want 300", got)
		}
	})
}

func TestDeadLettersAreAtRest(t *testing.T) {
	t.Parallel()
	broken := true
	r := &relayrace.Race{Stumble: func(runner string) error {
		if runner == "ada" && broken {
			return bus.Reject(errors.New("nobody knows ada"))
		}
		return nil
	}}
	platformtest.Run(t, r.Register, func(h *platformtest.Harness) {
		h.Given(relayrace.NewHanded("ada"), relayrace.NewHanded("ada"), relayrace.NewHanded("grace"))
		if dead := h.Dead("race.OnHanded"); len(dead) != 1 || dead[0].Cause != "nobody knows ada" || runs(h, "grace") != 1 {
			h.T.Errorf("dead are %+v", dead)
		}
		if n := h.Copies("pl.race.handed.v1.race.dlq"); n != 1 {
			h.T.Errorf("%d copies of dead letters, want 1", n)
		}
		h.Restart()
		h.Advance(time.Hour)
		broken = false
		if n := h.Redrive("race.OnHanded"); n != 1 || runs(h, "ada") != 2 || len(h.Held("race.OnHanded")) != 0 {
			h.T.Errorf("after redriving %d ada ran %d times, want 2", n, runs(h, "ada"))
		}
	})
}

func TestBatchesCascade(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		for range 20 {
			h.Publish(relayrace.NewHanded("ada"), relayrace.NewHanded("grace"))
		}
		h.Quiet()
		if got := len(platformtest.Published[*relayrace.Carried](h)); got != 40 {
			h.T.Errorf("%d batons were carried, want 40", got)
		}
		if runs(h, "ada") != 20 {
			h.T.Errorf("ada ran %d times, want 20", runs(h, "ada"))
		}
	})
}
