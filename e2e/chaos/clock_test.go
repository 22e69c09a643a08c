//go:build unix

package chaos

import (
	"errors"
	"fmt"
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
			w.work(to)
		}
	})
}

// work waits until services whose clocks are ahead have worked for a while.
func (w *world) work(ahead time.Duration) {
	w.Helper()
	before := w.commandsAt(ahead)
	<-time.After(2 * time.Second)
	w.await(func() error {
		if n := w.commandsAt(ahead) - before; n < 10 {
			return fmt.Errorf("%d commands were handled by clocks that are ahead by %s", n, ahead)
		}
		return nil
	})
}

// commandsAt returns how many commands were handled by clocks that are ahead.
func (w *world) commandsAt(ahead time.Duration) int {
	const layout = "2006-01-02 15:04:05Z"
	at, wrong := time.Now().UTC().Add(ahead), 9*time.Minute
	return w.count("quiz", fmt.Sprintf(`SELECT count(*) FROM pl_command WHERE created_at BETWEEN '%s' AND '%s'`,
		at.Add(-wrong).Format(layout), at.Add(wrong).Format(layout)))
}
