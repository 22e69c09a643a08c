//go:build unix

package e2e

import (
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/nats"
)

// TestAccessToABroker has a hub and pl-gen reach a server that wants a token,
// which both get from the environment and neither shows.
func TestAccessToABroker(t *testing.T) {
	const token = "open-sesame"
	server := nats.Start(t, nats.Configured("authorization { token: "+token+" }"))
	access := []string{"PL_NATS_TOKEN=" + token, "PL_INSTANCE=hub-0"}
	hub := newStand(t).hub(t)
	hub.set(append(access, "PL_NATS_SERVERS="+server.Addr(), "PL_PROVISION=true")...)
	hub.startReady()

	drift := plGen(t, "..", "topics", "drift", "--nats", server.Addr())
	drift.Env = append(drift.Env, access[0])
	out, err := drift.CombinedOutput()
	if err != nil {
		t.Errorf("pl-gen topics drift: %v", err)
	}
	expect(t, string(out), "as the contracts say")
	if strings.Contains(string(out), token) {
		t.Errorf("pl-gen shows the token:\n%s", out)
	}
}
