//go:build unix

package e2e

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// TestPresenceOfTwoGateways has people on two gateways see each other, after
// the second one has made the topic that the first one waits for.
func TestPresenceOfTwoGateways(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	other := f.service("gateway-1", "gateway", filepath.Join(build(t, "", "gateway"), "gateway"))
	for _, entry := range f.gateway.env {
		if strings.HasPrefix(entry, "PL_CALLS_") {
			other.set(entry)
		}
	}
	other.set("PL_PROVISION=true")
	other.startReady()
	follow := func(gateway *program, name string) *live {
		token, err := issuer.Token(identity.Caller{Subject: name, Roles: []string{identity.Admin}})
		if err != nil {
			t.Fatal(err)
		}
		l := openRealtime(t, gateway.url(), token)
		l.send(map[string]any{"type": "subscribe", "channel": "course:math", "presence": true})
		return l
	}
	ada, ben := follow(f.gateway, "ada"), follow(other, "ben")
	ada.awaitName("ben", "members", "joined")
	ben.awaitName("ada", "members", "joined")
	_, metrics, err := get(t.Context(), other.url()+"/metrics")
	if err != nil || !regexp.MustCompile(`(?m)^pl_realtime_presence_elsewhere\{.*\} 1$`).MatchString(metrics) {
		t.Errorf("the metrics do not say that one person is elsewhere: %v", err)
	}
	other.signal(syscall.SIGTERM)
	ada.awaitName("ben", "left")
}

// awaitName reads until presence names somebody in one of these lists.
func (l *live) awaitName(name string, lists ...string) {
	l.t.Helper()
	for {
		m := l.await("presence")
		for _, list := range lists {
			if names, _ := m[list].([]any); slices.Contains(names, any(name)) {
				return
			}
		}
	}
}
