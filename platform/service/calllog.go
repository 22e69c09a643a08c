package service

import (
	"log/slog"

	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// callLog counts what the policies of calls do, and logs when a breaker opens
// or closes.
type callLog struct {
	*telemetry.Calls
	log *slog.Logger
}

var _ rpc.Observer = callLog{}

// BreakerChanged implements [rpc.Observer].
func (c callLog) BreakerChanged(caller, of, state string) {
	c.Calls.BreakerChanged(caller, of, state)
	say := c.log.Info
	if state == "open" {
		say = c.log.Warn
	}
	say("circuit breaker", "context", caller, "of", of, "state", state)
}
