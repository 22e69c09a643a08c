//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// TestRealtime logs two people in to the hub as a client would: the teacher
// gives a badge over one websocket, and the student hears of it on another.
func TestRealtime(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.set("PL_OIDC_ISSUER=") // its own
	hub.startReady()
	ada, tess := dialRealtime(t, hub, "ada"), dialRealtime(t, hub, "tess")
	ada.send(map[string]any{"type": "subscribe", "id": "1", "channel": "user:" + ada.person})
	ada.await("subscribed")
	ada.send(map[string]any{"type": "subscribe", "id": "2", "channel": "user:" + tess.person})
	if m := ada.await("error"); m["code"] != "permission_denied" {
		t.Errorf("a student listens to the teacher's channel: %v", m)
	}
	tess.send(map[string]any{
		"type": "call", "id": "3", "procedure": "/pl.achievement.v1.AchievementService/AwardBadge", "key": "first-badge",
		"request": map[string]any{
			"studentId": ada.person, "studentName": "Ada", "kind": "BADGE_KIND_HELPING_HAND", "sourceId": "lab-1",
			"reason": "helped everybody", "awardedBy": tess.person,
		},
	})
	if m := tess.await("answer"); m["error"] != nil {
		t.Fatalf("got %v", m)
	}
	for {
		m := ada.await("event")
		if m["event"] != "pl.achievement.badge_awarded.v1" {
			continue // what else happened to the student
		}
		data, _ := m["data"].(map[string]any)
		if data["studentId"] != ada.person || data["studentName"] != "Ada" || data["kind"] != "HELPING_HAND" {
			t.Errorf("got %v", data)
		}
		break
	}
}

// A live is one person's websocket.
type live struct {
	t      *testing.T
	ws     *websocket.Conn
	person string
}

func dialRealtime(t *testing.T, hub *program, user string) *live {
	t.Helper()
	return openRealtime(t, strings.Replace(hub.url(), "127.0.0.1", "localhost", 1), accessToken(t, hub, user))
}

// openRealtime opens the websocket of whoever has the token.
func openRealtime(t *testing.T, url, token string) *live {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + token}}
	ws, _, err := websocket.Dial(t.Context(), url+"/realtime",
		&websocket.DialOptions{Subprotocols: []string{realtime.Subprotocol}, HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	l := &live{t: t, ws: ws}
	caller, _ := l.await("ready")["caller"].(string)
	l.person = strings.TrimPrefix(caller, "user:")
	return l
}

// accessToken logs in with pl-gen, as people do.
func accessToken(t *testing.T, hub *program, user string) string {
	t.Helper()
	plgen := filepath.Join(build(t, "", "../../tools/pl-gen"), "pl-gen")
	_, port, _ := strings.Cut(hub.addr, ":")
	cmd := exec.CommandContext(t.Context(), plgen, "token", "--user", user, "--password", "pulselearn", "--issuer", "http://localhost:"+port)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("log %s in: %v", user, err)
	}
	return strings.TrimSpace(string(out))
}

func (l *live) send(request any) {
	l.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.ws.Write(l.t.Context(), websocket.MessageText, text); err != nil {
		l.t.Fatal(err)
	}
}

// await returns the next message of a type.
func (l *live) await(kind string) map[string]any {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := l.ws.Read(ctx)
		if err != nil {
			l.t.Fatalf("wait for %s: %v", kind, err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			l.t.Fatal(err)
		}
		if m["type"] == kind {
			return m
		}
	}
}
