package graphql

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// nextPong reads until a pong that says something.
func nextPong(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	for {
		var m message
		if err := wsjson.Read(t.Context(), c, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == "ping" {
			send(t, c, `{"type":"pong"}`)
		}
		if m.Type == "pong" && len(m.Payload) > 0 {
			return string(m.Payload)
		}
	}
}

// A client of a quiet channel hears where it is, once.
func TestQuietSubscriptionsSayWhereTheyAre(t *testing.T) {
	t.Parallel()
	e := newEvents()
	limits := realtime.DefaultLimits
	limits.Heartbeat = 50 * time.Millisecond
	_, ws := begin(t, Config{Events: e, Sockets: limits})
	subscribe(t, ws, "1", "subscription { mine: noted { _id } }")
	got := nextPong(t, ws)
	if want := `{"positions":[{"field":"noted","id":"ada","position":"3:8,4:5"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var told positions
	if err := json.Unmarshal([]byte(got), &told); err != nil || len(told.Positions) != 1 {
		t.Fatalf("%s: %v", got, err)
	}
	<-e.wishes
	subscribe(t, ws, "2", `subscription { noted(after: "`+told.Positions[0].Position+`") { _id } }`)
	if wish := <-e.wishes; wish.After["pl.test.noted.v1/3"] != 8 || wish.After["pl.test.noted.v1/4"] != 5 {
		t.Errorf("a client that comes back goes on from %v", wish.After)
	}
}
