package platformtest_test

import (
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/internal/relayrace"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// start hands the baton over by a command.
func start(h *platformtest.Harness, runner string) error {
	return relayrace.Start(h.T.Context(), h.Client("race", platformtest.Admin("coach")), runner)
}

// ranOnce wants everything to have happened once, whatever was in the way.
func ranOnce(h *platformtest.Harness, runner string) {
	h.T.Helper()
	if n, carried := runs(h, runner), platformtest.Published[*relayrace.Carried](h); n != 1 || len(carried) == 0 {
		h.T.Errorf("%s ran %d times and was followed by %d events, want once", runner, n, len(carried))
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault  func(h *platformtest.Harness)
		during func(h *platformtest.Harness) // while it lasts, after a command and ten minutes
	}{
		"the broker is away": {
			fault: (*platformtest.Harness).CutBroker,
			during: func(h *platformtest.Harness) {
				if runs(h, "ada") != 0 {
					h.T.Error("an event arrived without a broker")
				}
			},
		},
		"publishing is refused": {
			fault:  func(h *platformtest.Harness) { h.BreakPublish(platformtest.Refused, platformtest.Always) },
			during: func(h *platformtest.Harness) { wantEvents(h, 0, 0) },
		},
		"publishing is stuck": {
			fault:  func(h *platformtest.Harness) { h.BreakPublish(platformtest.Stuck, platformtest.Always) },
			during: func(h *platformtest.Harness) { wantEvents(h, 0, 0) },
		},
		"publishing is lost": {
			fault:  func(h *platformtest.Harness) { h.BreakPublish(platformtest.Lost, 3) },
			during: func(h *platformtest.Harness) { wantEvents(h, 1, 1) },
		},
		"commits are refused": {
			fault: func(h *platformtest.Harness) { h.BreakCommit("race", platformtest.Refused, 3) },
		},
		"commits are lost": {
			fault: func(h *platformtest.Harness) { h.BreakCommit("race", platformtest.Lost, 3) },
		},
		"a table takes no rows": {
			fault: func(h *platformtest.Harness) { h.BreakTable("race", "legs") },
			during: func(h *platformtest.Harness) {
				if held := h.Held("race.OnHanded"); len(held) != 1 || held[0].Attempts == 0 || runs(h, "ada") != 0 {
					h.T.Errorf("held are %+v, want what could not be stored", held)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
				c.fault(h)
				if err := start(h, "ada"); err != nil {
					h.T.Fatalf("the command: %v", err)
				}
				h.Advance(10 * time.Minute)
				if c.during != nil {
					c.during(h)
				}
				h.Mend()
				h.Advance(time.Hour)
				h.Quiet()
				ranOnce(h, "ada")
			})
		})
	}
}

// wantEvents wants so many different events of the context to be on their
// topics.
func wantEvents(h *platformtest.Harness, handed, carried int) {
	h.T.Helper()
	for name, got := range map[string][2]int{
		"handed":  {len(distinct(platformtest.Published[*relayrace.Handed](h))), handed},
		"carried": {len(distinct(platformtest.Published[*relayrace.Carried](h))), carried},
	} {
		if got[0] != got[1] {
			h.T.Errorf("%d batons were %s, want %d", got[0], name, got[1])
		}
	}
}

// distinct returns the runners, which in these tests are those of one event.
func distinct[E interface{ EventKey() string }](events []E) map[string]bool {
	runners := map[string]bool{}
	for _, e := range events {
		runners[e.EventKey()] = true
	}
	return runners
}

func TestLostPublishesAreDuplicates(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		h.BreakPublish(platformtest.Lost, 1)
		if err := start(h, "ada"); err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		if handed := platformtest.Published[*relayrace.Handed](h); len(handed) != 2 {
			h.T.Errorf("the baton was handed over %d times, want twice: once unheard", len(handed))
		}
		ranOnce(h, "ada")
	})
}

func TestRepeatedEventsAreAppliedOnce(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		h.Given(relayrace.NewHanded("ada"), relayrace.NewHanded("grace"))
		platformtest.Repeat[*relayrace.Handed](h)
		h.Quiet()
		ranOnce(h, "ada")
		ranOnce(h, "grace")
	})
}

func TestBrokenCalls(t *testing.T) {
	const procedure = "/race.v1.Race/Start"
	for fault, effects := range map[platformtest.Fault]int64{
		platformtest.Refused: 0, platformtest.Lost: 1, platformtest.Stuck: 0,
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
				h.BreakCall(procedure, fault, platformtest.Always)
				if err := start(h, "ada"); err == nil {
					h.T.Error("a broken call was answered")
				}
				h.Quiet()
				if n := runs(h, "ada"); n != effects {
					h.T.Errorf("ada ran %d times, want %d", n, effects)
				}
				h.BreakCall(procedure, fault, 1)
				if err := start(h, "grace"); err != nil {
					h.T.Errorf("the client did not try again: %v", err)
				}
				h.Quiet()
				ranOnce(h, "grace")
			})
		})
	}
}

func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	platformtest.Run(t, new(relayrace.Race).Register, func(h *platformtest.Harness) {
		h.LockDatabase("race")
		if err := start(h, "ada"); err == nil {
			h.T.Error("a command wrote into a locked database")
		}
		h.Mend()
		h.Quiet()
		if err := start(h, "ada"); err != nil {
			h.T.Errorf("nobody has the lock any more: %v", err)
		}
		h.Quiet()
		ranOnce(h, "ada")
	})
}
