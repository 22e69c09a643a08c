package platformtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

func routeOf(consumer string, t *event.Type, empty func() event.Message) bus.Route {
	return bus.Route{Consumer: consumer, Type: t, New: empty}
}

func runs(h *platformtest.Harness, runner string) int64 {
	h.T.Helper()
	var res wrapperspb.Int64Value
	if err := h.Client("race").CallUnary(h.T.Context(), runsSpec, wrapperspb.String(runner), &res); err != nil {
		h.T.Fatal(err)
	}
	return res.GetValue()
}

func TestGivenEventsAreApplied(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(race).register, func(h *platformtest.Harness) {
		h.Given(newHanded("ada"), newHanded("grace"), newHanded("ada"))
		if runs(h, "ada") != 2 || runs(h, "grace") != 1 {
			h.T.Errorf("ada ran %d times and grace %d times, want 2 and 1", runs(h, "ada"), runs(h, "grace"))
		}
		if got := platformtest.Published[*carried](h); len(got) != 3 {
			h.T.Errorf("%d batons were carried, want 3", len(got))
		}
		if got := platformtest.Published[*handed](h); len(got) != 0 {
			h.T.Errorf("the test's own events are among those of the context: %d", len(got))
		}
	})
}

func TestCommandCascades(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(race).register, func(h *platformtest.Harness) {
		var id wrapperspb.StringValue
		if err := h.Client("race").CallUnary(h.T.Context(), startSpec, wrapperspb.String("ada"), &id); err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		if got := platformtest.One[*carried](h); got.runner != "ada" {
			h.T.Errorf("%s carried the baton", got.runner)
		}
	})
}

func TestHoursOfRetriesPassInAMoment(t *testing.T) {
	t.Parallel()
	begin, stumbles := time.Now(), 0
	r := &race{stumble: func(runner string) error {
		if runner == "ada" && stumbles < 30 {
			stumbles++
			return errors.New("the baton slipped")
		}
		return nil
	}}
	platformtest.Run(t, r.register, func(h *platformtest.Harness) {
		h.Publish(newHanded("ada"), newHanded("ada"))
		h.Advance(2 * time.Second)
		if runs(h, "ada") != 0 || !strings.Contains(h.Log(), "delivery failed") {
			h.T.Errorf("ada ran %d times although she stumbled", runs(h, "ada"))
		}
		h.Advance(6 * time.Hour)
		h.Quiet()
		if stumbles != 30 || runs(h, "ada") != 2 {
			h.T.Errorf("after %d stumbles ada ran %d times, want 2", stumbles, runs(h, "ada"))
		}
	})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("six virtual hours took %s", took)
	}
}

func TestRestartGoesOn(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(race).register, func(h *platformtest.Harness) {
		h.Given(newHanded("ada"))
		h.Restart()
		h.Given(newHanded("ada"))
		if got := runs(h, "ada"); got != 2 {
			h.T.Errorf("ada ran %d times, want once before and once after the restart", got)
		}
	})
}

func TestQuietSeesWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	r := &race{stumble: func(string) error { return bus.Park(errors.New("ask a person")) }}
	platformtest.Run(t, r.register, func(h *platformtest.Harness) {
		if err := h.Busy(); err != nil {
			h.T.Errorf("a process without work is busy: %v", err)
		}
		h.Publish(newHanded("ada"))
		h.Advance(time.Hour)
		err := h.Busy()
		if err == nil || !strings.Contains(err.Error(), "race.OnHanded pl.race.handed.v1/") || !strings.Contains(err.Error(), "is at 0 of 1") {
			h.T.Errorf("got %v, want the consumer that is behind", err)
		}
	})
}

func TestBatchesCascade(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(race).register, func(h *platformtest.Harness) {
		for range 20 {
			h.Publish(newHanded("ada"), newHanded("grace"))
		}
		h.Quiet()
		if got := len(platformtest.Published[*carried](h)); got != 40 {
			h.T.Errorf("%d batons were carried, want 40", got)
		}
		if runs(h, "ada") != 20 {
			h.T.Errorf("ada ran %d times, want 20", runs(h, "ada"))
		}
	})
}
