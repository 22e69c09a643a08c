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
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// events lets people listen to their own channels.
type events struct {
	told   chan string // JSON, or an error that begins with "!"
	at     realtime.Positions
	wishes chan realtime.Wish
}

func newEvents() *events {
	return &events{told: make(chan string, 1), at: realtime.Positions{"pl.test.noted.v1/3": 8, "pl.test.noted.v1/4": 5}, wishes: make(chan realtime.Wish, 1000)}
}

func (e *events) Subscribe(ctx context.Context, wish realtime.Wish) (Stream, error) {
	e.wishes <- wish
	if wish.Channel != "user:"+identity.From(ctx).Subject {
		return nil, connect.NewError(connect.CodePermissionDenied, "not yours")
	}
	return e, nil
}

func (e *events) Position() realtime.Positions { return e.at }

func (e *events) Quiet() realtime.Positions { return e.at }

func (e *events) Next(ctx context.Context) ([]byte, error) {
	select {
	case text := <-e.told:
		if why, bad := strings.CutPrefix(text, "!"); bad {
			return nil, connect.NewError(connect.CodeResourceExhausted, why)
		}
		return []byte(text), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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

// begin opens a websocket as ada.
func begin(t *testing.T, c Config) (*world, *websocket.Conn) {
	t.Helper()
	c.Verify = verify
	w := newWorld(t, c)
	ws, ack := open(t, w, "good")
	if ack.Type != "connection_ack" {
		t.Fatalf("got %+v", ack)
	}
	return w, ws
}

func subscribe(t *testing.T, c *websocket.Conn, id, query string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]string{"query": query}})
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, string(text))
}

const oneEvent = `{"type":"event","channel":"user:ada","event":"pl.test.noted.v1","id":"7","time":"2026-05-01T12:00:00Z","partition":3,"offset":9,"data":{
	"userId":"ada","secret":"s","kind":"GOOD","big":9007199254740993,"share":0.5,"small":3,"flag":true,"on":"2026-05-01","labels":{"b":2},
	"list":[{"n":1,"parts":[{"n":2,"parts":[]}]}],"about":{"pl.test.v1.Right":{"right":4}},"tags":["a",null]}}`

func TestAnEventHasTheTypesOfTheSchema(t *testing.T) {
	t.Parallel()
	feed := newEvents()
	_, c := begin(t, Config{Events: feed})
	subscribe(t, c, "1", `subscription { e: noted(userId: "ada") { __typename _id _time _position userId secret kind big share small flag on labels tags
		list { n parts { n } } about { __typename ... on EventRight { right } ... on EventLeft { left } ...any } } }
		fragment any on NotedAbout { ... on EventRight { again: right } }`)
	feed.told <- oneEvent
	const want = `{"data":{"e":{"__typename":"Noted","_id":"7","_time":"2026-05-01T12:00:00Z","_position":"3:9,4:5","userId":"ada","secret":"s",` +
		`"kind":"GOOD","big":"9007199254740993","share":0.5,"small":3,"flag":true,"on":"2026-05-01","labels":{"b":2},"tags":["a",null],` +
		`"list":[{"n":1,"parts":[{"n":2}]}],"about":{"__typename":"EventRight","right":4,"again":4}}}}`
	if got := next(t, c); got.Type != "next" || got.ID != "1" || string(got.Payload) != want {
		t.Errorf("got %s %s\nwant %s", got.Type, got.Payload, want)
	}
	feed.told <- strings.NewReplacer(`"secret":"s",`, "", `{"pl.test.v1.Right":{"right":4}}`, "null").Replace(oneEvent)
	if got := string(next(t, c).Payload); !strings.Contains(got, `"secret":null`) || !strings.Contains(got, `"about":null`) || strings.Contains(got, "errors") {
		t.Errorf("without what may be missing: %s", got)
	}
	feed.told <- "!too slow"
	if got := next(t, c); got.Type != "error" || got.ID != "1" || !strings.Contains(string(got.Payload), `"RESOURCE_EXHAUSTED"`) {
		t.Errorf("at the end: %s %s", got.Type, got.Payload)
	}
}

// TestAValueThatIsNotOfItsType has fields fail, and what is around them as far
// as it must not be null.
func TestAValueThatIsNotOfItsType(t *testing.T) {
	t.Parallel()
	feed := newEvents()
	_, c := begin(t, Config{Events: feed})
	subscribe(t, c, "1", `subscription { noted { on small about { __typename } tags } }`)
	for old, wrong := range map[string]string{`"2026-05-01"`: "99999999", `{"pl.test.v1.Right"`: `{"pl.test.v1.Unknown"`, `["a",null]`: `["a",5]`} {
		feed.told <- strings.Replace(oneEvent, old, wrong, 1)
		if got := string(next(t, c).Payload); !strings.Contains(got, `"errors"`) || !strings.Contains(got, `"small":3`) {
			t.Errorf("%s: %s", wrong, got)
		}
	}
	feed.told <- strings.Replace(oneEvent, `"small":3`, `"small":"NaN"`, 1)
	if got := string(next(t, c).Payload); !strings.Contains(got, `"errors"`) || !strings.Contains(got, `"data":null`) {
		t.Errorf("a number that is none: %s", got)
	}
}

func TestASubscriptionGoesOnBehindAPosition(t *testing.T) {
	t.Parallel()
	feed := newEvents()
	_, c := begin(t, Config{Events: feed})
	subscribe(t, c, "1", `subscription { noted(after: "3:8,4:-1") { _position } }`)
	wish := <-feed.wishes
	if wish.Channel != "user:ada" || wish.Topic != "pl.test.noted.v1" || len(wish.After) != 2 || wish.After["pl.test.noted.v1/3"] != 8 || wish.After["pl.test.noted.v1/4"] != -1 {
		t.Errorf("got %+v", wish)
	}
	for _, text := range []string{"3", "3:x", "x:3", "-1:3", "3:-2", "3:4:5", "3:4,", strings.Repeat("1:1,", 3000) + "99999999999:1"} {
		subscribe(t, c, "2", `subscription { noted(after: "`+text+`") { _position } }`)
		if got := next(t, c); !strings.Contains(string(got.Payload), `"INVALID_ARGUMENT"`) || !strings.Contains(string(got.Payload), `"after"`) {
			t.Errorf("%.20s: %s", text, got.Payload)
		}
		if got := next(t, c); got.Type != "complete" {
			t.Errorf("%.20s: %s", text, got.Type)
		}
	}
}

func TestSubscriptionsAreRefused(t *testing.T) {
	t.Parallel()
	_, c := begin(t, Config{Events: newEvents(), Limits: Limits{Depth: 4, Complexity: 20, Aliases: 2}})
	for query, code := range map[string]string{
		`subscription { noted(userId: "ben") { _id } }`:                                "PERMISSION_DENIED",
		`subscription { said(courseId: "") { _id } }`:                                  "INVALID_ARGUMENT",
		`subscription { said { _id } }`:                                                "GRAPHQL_VALIDATION_FAILED",
		`subscription { events(channel: "user:ada") { id } }`:                          "GRAPHQL_VALIDATION_FAILED",
		`subscription { noted { _id } said(courseId: "c") { _id } }`:                   "GRAPHQL_VALIDATION_FAILED",
		`subscription { noted { list { parts { parts { n } } } } }`:                    "DEPTH_LIMIT_EXCEEDED",
		`subscription { noted { a: _id b: _id c: _id } }`:                              "ALIAS_LIMIT_EXCEEDED",
		`subscription { noted { ` + strings.Repeat("list { parts { n } } ", 7) + `} }`: "COMPLEXITY_LIMIT_EXCEEDED",
	} {
		subscribe(t, c, "1", query)
		got := next(t, c)
		if !strings.Contains(string(got.Payload), code) {
			t.Errorf("%s: %s %s", query, got.Type, got.Payload)
		}
		if got := next(t, c); got.Type != "complete" {
			t.Errorf("%s: then %s", query, got.Type)
		}
	}
}

func TestLimitsOfWebsockets(t *testing.T) {
	t.Parallel()
	limits := realtime.DefaultLimits
	limits.Subscriptions, limits.SessionsPerCaller, limits.FrameBytes = 2, 1, 1000
	w, c := begin(t, Config{Events: newEvents(), Sockets: limits})
	for _, id := range []string{"1", "2", "3"} {
		subscribe(t, c, id, `subscription { noted { _id } }`)
	}
	for got := next(t, c); got.Type != "complete"; got = next(t, c) {
		if !strings.Contains(string(got.Payload), "RESOURCE_EXHAUSTED") {
			t.Errorf("got %s", got.Payload)
		}
	}
	if _, got := open(t, w, "good"); got.Type == "connection_ack" {
		t.Error("a second websocket of the same person is taken")
	}
	subscribe(t, c, "4", `subscription { noted { _id } } # `+strings.Repeat("x", 1000))
	if got := next(t, c); got.Closed != websocket.StatusMessageTooBig {
		t.Errorf("a message that is too large: %+v", got)
	}
}

func TestTheEndOfAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{Events: newEvents(), Verify: func(context.Context, string) (identity.Caller, error) {
		return identity.Caller{Subject: "ada", Expires: time.Now().Add(50 * time.Millisecond)}, nil
	}})
	c, _ := open(t, w, "good")
	if got := next(t, c); got.Closed != 4403 {
		t.Errorf("got %+v", got)
	}
}

func TestWebsocketsNeedAToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"bad", ""} {
		w := newWorld(t, Config{Events: newEvents(), Verify: verify})
		c, got := open(t, w, token)
		if got.Type == "connection_ack" {
			t.Errorf("the token %q is taken", token)
		}
		for got.Type != "closed" {
			got = next(t, c)
		}
		if got.Closed != forbidden {
			t.Errorf("the token %q is refused with %d", token, got.Closed)
		}
	}
}

func TestDrainEndsSubscriptions(t *testing.T) {
	t.Parallel()
	w, c := begin(t, Config{Events: newEvents()})
	subscribe(t, c, "1", `subscription { noted { _id } }`)
	drained := make(chan error, 1)
	go func() { drained <- w.handler.Drain(t.Context()) }()
	if got := next(t, c); got.Closed != websocket.StatusGoingAway {
		t.Errorf("got %+v", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := w.handler.Close(); err != nil {
		t.Error(err)
	}
}
