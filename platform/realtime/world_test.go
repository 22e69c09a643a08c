package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/avro/wire"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/embedded/nats"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
)

// noteType is an event about a person, with personal data.
var noteType = &event.Type{
	Topic: "pl.test.noted.v1", Context: "test", Key: "userId", Partitions: 3, Retention: time.Hour,
	Schema: `{"type":"record","name":"Noted","namespace":"pl.test.v1","fields":[
		{"name":"userId","type":"string"},{"name":"courseId","type":"string"},
		{"name":"text","type":"string","pl":{"pii":"free_text"}},{"name":"n","type":"int"}]}`,
}

// A noted is the event of noteType. What is on the wire here is JSON: decoding
// is not what these tests are about.
type noted struct {
	UserID   string
	CourseID string
	Text     string
	N        int
}

func (*noted) EventType() *event.Type              { return noteType }
func (n *noted) EventKey() string                  { return n.UserID }
func (n *noted) EventSubject() string              { return n.UserID }
func (n *noted) UnmarshalBinary(data []byte) error { return json.Unmarshal(data, n) }
func (n *noted) AppendBinary(b []byte) ([]byte, error) {
	for _, text := range []string{n.UserID, n.CourseID, n.Text} {
		b = append(wire.AppendLong(b, int64(len(text))), text...)
	}
	return wire.AppendLong(b, int64(n.N)), nil
}

type jsonDecoder struct{}

func (jsonDecoder) Decode(_ context.Context, r *bus.Route, rec *driver.Record, d *bus.Delivery) error {
	m := r.New()
	d.Err = m.UnmarshalBinary(rec.Value)
	d.Message = m
	d.Event.ID = fmt.Sprintf("%d-%d", rec.Partition, rec.Offset)
	return nil
}

// courseType is the same event on channels of courses, whose name is not its
// key.
var courseType = &event.Type{
	Topic: "pl.test.said.v1", Context: "test", Key: "userId", Partitions: 2, Retention: time.Hour, Schema: noteType.Schema,
}

var routes = realtime.Routes{
	Events: []feed.Route{
		{Type: noteType, New: func() event.Message { return new(noted) }, Family: "user", Keyed: true, Personal: true,
			ID: func(m event.Message) string { return m.(*noted).UserID }},
		{Type: courseType, New: func() event.Message { return new(noted) }, Family: "course",
			ID: func(m event.Message) string { return m.(*noted).CourseID }},
	},
	Families: []realtime.Family{{
		Name: "course", Allow: identity.Rules{{Role: identity.Teacher}}, Check: "/test.v1/MayListen", Presence: true,
		Request: func(id string) proto.Message { return wrapperspb.String(id) },
	}},
}

// tokens are "name role role", with "!" in front of one that is bad.
type tokens struct{}

func (tokens) Verify(_ context.Context, token string) (identity.Caller, error) {
	name, roles, _ := strings.Cut(token, " ")
	switch {
	case strings.HasPrefix(token, "!"):
		return identity.Caller{}, &identity.TokenError{Reason: "is not good"}
	case strings.HasPrefix(token, "?"):
		return identity.Caller{}, identity.ErrUnavailable
	}
	c := identity.Caller{Subject: name, Roles: strings.Fields(roles), Token: token}
	if strings.HasSuffix(token, "soon") {
		c.Expires = time.Now().Add(time.Second)
	}
	return c, nil
}

// calls answers MayListen for course "open", and Echo.
type calls struct{ slow chan struct{} }

func (calls) Request(procedure string) (proto.Message, bool) {
	return new(wrapperspb.StringValue), strings.HasPrefix(procedure, "/test.v1/")
}

func (c calls) Invoke(ctx context.Context, procedure, key string, request proto.Message) (proto.Message, error) {
	text := request.(*wrapperspb.StringValue).GetValue()
	switch procedure {
	case "/test.v1/MayListen":
		if text == "open" {
			return wrapperspb.String("yes"), nil
		}
		return nil, connect.NewError(connect.CodePermissionDenied, "you are not enrolled")
	case "/test.v1/Slow":
		select {
		case <-c.slow:
		case <-ctx.Done():
		}
		return wrapperspb.String("slow"), nil
	}
	return wrapperspb.String(identity.From(ctx).Name() + " " + key + " " + text), nil
}

// A world is a broker with one or more gateways.
type world struct {
	*testing.T
	open   func() (driver.Conn, error) // a connection to the broker
	conn   driver.Conn
	limits realtime.Limits
	window time.Duration
	bytes  int
	calls  calls
	always bool // goroutines
}

func newWorld(t *testing.T) *world {
	quiet := slog.New(slog.DiscardHandler)
	broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return worldOn(t, broker, func() (driver.Conn, error) {
		return kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}, Logger: quiet})
	})
}

// newNATSWorld has JetStream for a broker.
func newNATSWorld(t *testing.T) *world {
	quiet := slog.New(slog.DiscardHandler)
	broker, err := nats.Start(nats.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return worldOn(t, broker, func() (driver.Conn, error) {
		return natsbus.Open(natsbus.Config{Servers: []string{broker.URL()}, Logger: quiet})
	})
}

func worldOn(t *testing.T, broker io.Closer, open func() (driver.Conn, error)) *world {
	t.Cleanup(func() { _ = broker.Close() })
	w := &world{T: t, open: open, calls: calls{slow: make(chan struct{})}}
	w.conn = w.dial()
	w.must(w.conn.EnsureTopics(t.Context(), []driver.Topic{
		presence.Topic(),
		{Name: noteType.Topic, Partitions: noteType.Partitions, Retention: time.Hour},
		{Name: courseType.Topic, Partitions: courseType.Partitions, Retention: time.Hour},
	}))
	return w
}

func (w *world) dial() driver.Conn {
	conn, err := w.open()
	w.must(err)
	w.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// A gateway is one instance.
type gateway struct {
	*world
	server *realtime.Server
	web    *httptest.Server
}

// gateway starts an instance and waits until it is ready.
func (w *world) gateway() *gateway {
	w.Helper()
	quiet := slog.New(slog.DiscardHandler)
	conn := w.dial()
	f, err := feed.New(feed.Config{
		Conn: conn, Decoder: jsonDecoder{}, Routes: routes.Events, Logger: quiet, Frame: realtime.Frame,
		Window: w.window, WindowBytes: w.bytes,
	})
	w.must(err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f.Run(ctx) })
	server, err := realtime.New(realtime.Config{
		Routes: routes, Verifier: tokens{}, Invoker: w.calls, Feed: f, Limits: w.limits, Logger: quiet, Conn: conn,
		Origins: []string{"https://campus.example"}, Goroutines: w.always,
	})
	w.must(err)
	web := httptest.NewServer(server)
	w.Cleanup(func() {
		web.Close()
		stop()
		running.Wait()
		w.must(server.Close())
	})
	w.eventually("ready", func() bool { return server.Ready() == nil })
	return &gateway{w, server, web}
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("not in time: %s", what)
		}
	}
}

// note publishes an event about a person.
func (w *world) note(user string, n int) { w.publish(noteType.Topic, &noted{user, "", "secret", n}) }

// say publishes an event in a course.
func (w *world) say(course, user string, n int) {
	w.publish(courseType.Topic, &noted{user, course, "secret", n})
}

func (w *world) publish(topic string, e *noted) {
	w.Helper()
	w.must(w.conn.Publish(w.Context(), []*driver.Record{w.record(topic, e)}))
}

func (w *world) record(topic string, e *noted) *driver.Record {
	w.Helper()
	value, err := json.Marshal(e)
	w.must(err)
	return &driver.Record{Topic: topic, Key: []byte(e.UserID), Value: value}
}

// A client is a websocket of a library that nobody here wrote.
type client struct {
	*world
	ws    *websocket.Conn
	there []string // as presence says
}

// message is what a server may send.
type message struct {
	Type, ID, Channel, Event, Reason, Code, Message, Caller string
	Partition, Count                                        int
	Offset                                                  int64
	Positions                                               map[string]int64
	Resumed                                                 *bool
	Data                                                    map[string]any
	Response                                                string
	Error                                                   *struct{ Code, Message string }
	Members, Joined, Left                                   []string
	RetryAfterMillis                                        *int64
}

func (g *gateway) dialAs(token string) *client {
	g.Helper()
	c := g.open(nil)
	c.send("auth", "token", token)
	if m := c.next(); m.Type != "ready" {
		g.Fatalf("got %+v", m)
	}
	return c
}

func (g *gateway) open(o *websocket.DialOptions) *client {
	g.Helper()
	if o == nil {
		o = &websocket.DialOptions{Subprotocols: []string{realtime.Subprotocol}}
	}
	ws, _, err := websocket.Dial(g.Context(), g.web.URL, o)
	g.must(err)
	ws.SetReadLimit(1 << 20)
	g.Cleanup(func() { _ = ws.CloseNow() })
	return &client{world: g.world, ws: ws}
}

// send sends a request of pairs of names and values.
func (c *client) send(kind string, pairs ...any) {
	c.Helper()
	r := map[string]any{"type": kind}
	for i := 0; i < len(pairs); i += 2 {
		r[pairs[i].(string)] = pairs[i+1]
	}
	text, err := json.Marshal(r)
	c.must(err)
	c.must(c.ws.Write(c.Context(), websocket.MessageText, text))
}

// next returns the next message, apart from positions.
func (c *client) next() message {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := c.ws.Read(ctx)
		c.must(err)
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			c.Fatalf("%v in %s", err, text)
		}
		if m.Type != "position" {
			return m
		}
	}
}

// closed reads until the server closes, and returns its code.
func (c *client) closed() websocket.StatusCode {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := c.ws.Read(ctx); err != nil {
			var closed websocket.CloseError
			if !errors.As(err, &closed) {
				c.Fatalf("not closed in order: %v", err)
			}
			return closed.Code
		}
	}
}

// subscribe listens to a channel and returns the answer.
func (c *client) subscribe(channel string, pairs ...any) message {
	c.Helper()
	c.send("subscribe", append([]any{"channel", channel, "id", channel}, pairs...)...)
	m := c.next()
	if m.Type != "subscribed" || m.ID != channel {
		c.Fatalf("got %+v", m)
	}
	return m
}
