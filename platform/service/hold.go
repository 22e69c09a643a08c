package service

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// maxStuck is how many handlers of a context may ignore the end of their time.
// Each keeps its goroutine and what it holds; the process is better begun anew
// before that is too much.
const maxStuck = 5

// A stuckGuard ends the process when too many handlers do not return.
type stuckGuard struct{ failed chan<- error }

var _ bus.AbandonHook = stuckGuard{}

// Abandoned implements [bus.AbandonHook].
func (g stuckGuard) Abandoned(d *bus.Delivery, stuck int) {
	if stuck >= maxStuck {
		report(g.failed, fmt.Errorf("%d event handlers have not returned after their time, the last of them %s; they must watch ctx.Done()", stuck, d.Consumer))
	}
}
