package saga

import (
	"math/rand/v2"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// delay returns the time between attempt number n and the next: it doubles from
// First to Max, with up to a fifth of it as jitter.
func delay(p bus.RetryPolicy, n int) time.Duration {
	d := p.Max
	if shift := n - 1; shift < 32 && p.First<<shift>>shift == p.First {
		d = min(p.First<<shift, p.Max)
	}
	return d + time.Duration(rand.Int64N(int64(d)/5+1))
}
