package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// events lets people listen to their own channels.
type events chan []byte

func (e events) Subscribe(ctx context.Context, channel string) (<-chan []byte, error) {
	if channel != "user:"+identity.From(ctx).Subject {
		return nil, connect.NewError(connect.CodePermissionDenied, "not yours")
	}
	return e, nil
}

func verify(_ context.Context, token string) (identity.Caller, error) {
	if token != "good" {
		return identity.Caller{}, errors.New("the token proves nothing")
	}
	return identity.Caller{Subject: "ada"}, nil
}

// open connects a client and begins as graphql-transport-ws wants it.
func open(t *testing.T, w *world, token string) (*websocket.Conn, message) {
	t.Helper()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	c, answer, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "graphql-transport-ws" {
		t.Fatalf("%d, %s", answer.StatusCode, c.Subprotocol())
	}
	t.Cleanup(func() { c.CloseNow() })
	send(t, c, `{"type":"connection_init","payload":{"Authorization":"Bearer `+token+`"}}`)
	return c, next(t, c)
}

type message struct {
	ID, Type string
	Payload  json.RawMessage
	Closed   websocket.StatusCode
}

func send(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func next(t *testing.T, c *websocket.Conn) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		var m message
		err := wsjson.Read(ctx, c, &m)
		if code := websocket.CloseStatus(err); code != -1 {
			return message{Type: "closed", Closed: code}
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != "ping" && m.Type != "pong" && m.Type != "ka" {
			return m
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	feed := make(events, 1)
	w := newWorld(t, Config{Events: feed, Verify: verify})
	c, ack := open(t, w, "good")
	if ack.Type != "connection_ack" {
		t.Fatalf("got %+v", ack)
	}
	send(t, c, `{"id":"1","type":"subscribe","payload":{"query":"subscription($c: String!) { e: events(channel: $c) { __typename id type channel time data } }","variables":{"c":"user:ada"}}}`)
	feed <- []byte(`{"type":"event","channel":"user:ada","event":"pl.a.b.v1","id":"7","time":"2026-05-01T12:00:00Z","partition":3,"offset":9,"data":{"n":1}}`)
	got := next(t, c)
	const want = `{"data":{"e":{"__typename":"Event","id":"7","type":"pl.a.b.v1","channel":"user:ada","time":"2026-05-01T12:00:00Z","data":{"n":1}}}}`
	if got.Type != "next" || got.ID != "1" || string(got.Payload) != want {
		t.Errorf("got %s %s\nwant %s", got.Type, got.Payload, want)
	}
	close(feed)
	if got := next(t, c); got.Type != "complete" || got.ID != "1" {
		t.Errorf("at the end of the events: %+v", got)
	}
}

func TestSubscriptionsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{Events: make(events), Verify: verify})
	c, _ := open(t, w, "good")
	send(t, c, `{"id":"1","type":"subscribe","payload":{"query":"subscription { events(channel: \"user:ben\") { id } }"}}`)
	if got := next(t, c); !strings.Contains(string(got.Payload), "PERMISSION_DENIED") {
		t.Errorf("another person's channel: %s %s", got.Type, got.Payload)
	}
}

func TestWebsocketsNeedAToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"bad", ""} {
		w := newWorld(t, Config{Events: make(events), Verify: verify})
		if _, got := open(t, w, token); got.Type == "connection_ack" {
			t.Errorf("the token %q is taken", token)
		}
	}
}

func TestCloseEndsSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{Events: make(events), Verify: verify})
	c, _ := open(t, w, "good")
	if err := w.handler.Close(); err != nil {
		t.Fatal(err)
	}
	if got := next(t, c); got.Type != "closed" {
		t.Errorf("got %+v", got)
	}
	if err := w.handler.Close(); err != nil {
		t.Error(err)
	}
}
