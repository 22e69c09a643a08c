package saga_test

import (
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/saga"
)

// An instance that an engine has put off whose clock was hours ahead does not
// wait for these hours.
func TestClockWasAhead(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.deliver(captured, "p1", "")
		w.exec(`UPDATE pl_saga SET due_at = $1, changed_at = $2`, time.Now().Add(6*time.Hour).UTC(), time.Now().Add(5*time.Hour).UTC())
		begin := time.Now()
		defer w.run()()
		if got := w.ends("p1"); got != saga.StatusCompleted {
			t.Errorf("ends as %s: %+v", got, w.show("p1"))
		}
		if waited := time.Since(begin); waited > 2*time.Minute {
			t.Errorf("the instance has waited for %s", waited)
		}
		w.check("p1")
	})
}

// A clock that is right may put an instance off for hours.
func TestLongDelayIsKept(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *world) {
		w.deliver(captured, "p1", "")
		w.exec(`UPDATE pl_saga SET due_at = $1`, time.Now().Add(5*time.Hour).UTC())
		begin := time.Now()
		defer w.run()()
		w.ends("p1")
		if waited := time.Since(begin); waited < 5*time.Hour {
			t.Errorf("the instance has waited for %s", waited)
		}
	})
}
