//go:build unix

package chaos

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

// TestClocksJump lets students work while all clocks are hours ahead, or
// minutes behind, for a few seconds. What handlers fail at meanwhile must not
// wait for these hours.
func TestClocksJump(t *testing.T) {
	w := newWorld(t, run{binary: os.Args[0], engine: "kafka"})
	if err := w.postgres.SetClock(0); errors.Is(err, faults.ErrNoClock) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED WITH CLOCKS THAT JUMP: %v", err)
	}
	turn := 0
	endure(w, func() {
		ahead := []time.Duration{7 * time.Hour, -20 * time.Minute, 13 * time.Hour}[turn]
		turn++
		for _, to := range []time.Duration{ahead, 0} {
			w.clock(w.postgres.SetClock(to))
			for group := range groups {
				w.clock(w.victims[group].running.SetClock(to))
			}
			<-time.After(3 * time.Second)
		}
	})
	if n := w.count("quiz", `SELECT count(*) FROM pl_command WHERE created_at > now() + interval '1 hour'`); n == 0 {
		t.Error("no command was handled by a clock that was ahead")
	}
}
