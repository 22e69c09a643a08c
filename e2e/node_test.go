//go:build unix

package e2e

import (
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/typescript"
)

// TestNode lets clients and audits of others at a hub, in Node: graphql-http's
// audit of GraphQL over HTTP, the client of graphql-ws, and Node's WebSocket.
func TestNode(t *testing.T) {
	t.Parallel()
	typescript.Prepare(t)
	hub := newStand(t).hub(t)
	hub.set("PL_OIDC_ISSUER=") // its own
	hub.startReady()
	env := []string{
		"HUB_URL=" + strings.Replace(hub.url(), "127.0.0.1", "localhost", 1),
		"ADA=" + accessToken(t, hub, "ada"), "TESS=" + accessToken(t, hub, "tess"),
	}
	typescript.RunTests(t, 61+4+3, env, "e2e/strangers/node/*.test.mjs")
}
