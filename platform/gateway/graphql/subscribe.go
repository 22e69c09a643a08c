package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	coderws "github.com/coder/websocket"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// Events feeds subscriptions.
type Events interface {
	// Subscribe returns the events of a channel, "user:ada", in JSON as
	// docs/realtime.md has them, for the caller of ctx. The result is closed
	// when ctx ends, and when the caller is too slow. It fails when the caller
	// may not listen.
	Subscribe(ctx context.Context, channel string) (<-chan []byte, error)
}

// How long a client may take to say who it is, how often a quiet connection is
// looked at, and how large its messages are at most.
const (
	initTimeout  = 10 * time.Second
	pingInterval = 30 * time.Second
	maxMessage   = 64 << 10
)

// websocket is GraphQL over websockets, as graphql-transport-ws has it.
func (h *Handler) websocket(c Config) transport.Websocket {
	limit := int64(maxMessage)
	return transport.Websocket{
		Implementation:   transport.CoderWebsocketImplementation{AcceptOptions: coderws.AcceptOptions{OriginPatterns: hosts(c.Origins)}},
		InitFunc:         h.begin,
		InitTimeout:      initTimeout,
		PingPongInterval: pingInterval,
		PayloadReadLimit: &limit,
	}
}

// hosts returns what an Origin header is compared with.
func hosts(origins []string) []string {
	var list []string
	for _, origin := range origins {
		if u, err := url.Parse(origin); err == nil && u.Host != "" {
			list = append(list, u.Host)
		} else {
			list = append(list, origin)
		}
	}
	return list
}

// begin puts the caller into the context of a connection: whom the token in
// the first message names, or else whom the request did. The context ends with
// the token, and when the handler is closed.
func (h *Handler) begin(ctx context.Context, first transport.InitPayload) (context.Context, *transport.InitPayload, error) {
	if header := first.Authorization(); header != "" && h.verify != nil {
		token, err := identity.BearerToken(header)
		if err != nil {
			return ctx, nil, err
		}
		caller, err := h.verify(ctx, token)
		if err != nil {
			return ctx, nil, err
		}
		ctx = identity.With(ctx, caller)
	}
	caller := identity.From(ctx)
	if caller.Anonymous() {
		return ctx, nil, errors.New("a websocket needs an access token: send {\"Authorization\": \"Bearer …\"} as the payload of connection_init")
	}
	if !h.enter(caller.Name()) {
		return ctx, nil, errors.New("you have as many websockets open as you may")
	}
	return h.bounded(ctx, caller), nil, nil
}

// maxConnections is how many websockets one caller has at most, and
// maxSubscriptions how many subscriptions each of them.
const (
	maxConnections   = 16
	maxSubscriptions = 50
)

type subscriptionsKey struct{}

// bounded returns the context of a connection of a caller who has entered.
func (h *Handler) bounded(ctx context.Context, caller identity.Caller) context.Context {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, subscriptionsKey{}, new(atomic.Int32)))
	if !caller.Expires.IsZero() {
		timer := time.AfterFunc(time.Until(caller.Expires), cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	}
	go func() {
		defer h.leave(caller.Name())
		defer cancel()
		select {
		case <-h.ending:
		case <-ctx.Done():
		}
	}()
	return ctx
}

func (h *Handler) enter(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connections[name] >= maxConnections {
		return false
	}
	h.connections[name]++
	return true
}

func (h *Handler) leave(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connections[name]--; h.connections[name] == 0 {
		delete(h.connections, name)
	}
}

// subscribe runs a subscription: its one field is events.
func (e *executable) subscribe(ctx context.Context, operation *graphql.OperationContext) graphql.ResponseHandler {
	r := e.newRun(operation)
	fields := r.collect(e.schema.Subscription, operation.Operation.SelectionSet)
	root := &slot{kind: objectSlot}
	f := &fields[0]
	s := root.field(f.Alias, false)
	channel, _ := f.ArgumentMap(operation.Variables)["channel"].(string)
	events, err := e.listen(ctx, channel)
	if err != nil {
		r.fail(s, f, err)
		return graphql.OneShot(&graphql.Response{Errors: r.errs})
	}
	return func(ctx context.Context) *graphql.Response {
		select {
		case <-ctx.Done():
			return nil
		case text, ok := <-events:
			if !ok {
				return nil
			}
			return e.newRun(operation).event(text, f)
		}
	}
}

func (e *executable) listen(ctx context.Context, channel string) (<-chan []byte, error) {
	if e.events == nil {
		return nil, problem.New("unimplemented", "this process has no events to listen to")
	}
	count, ok := ctx.Value(subscriptionsKey{}).(*atomic.Int32)
	if ok && count.Add(1) > maxSubscriptions {
		count.Add(-1)
		return nil, problem.New("resource_exhausted", "the websocket has as many subscriptions as it may")
	}
	if ok {
		context.AfterFunc(ctx, func() { count.Add(-1) })
	}
	return e.events.Subscribe(ctx, channel)
}

// told is an event as realtime tells it.
type told struct {
	ID      string          `json:"id"`
	Type    string          `json:"event"`
	Channel string          `json:"channel"`
	Time    string          `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// event is the answer that one event is.
func (r *run) event(text []byte, f *graphql.CollectedField) *graphql.Response {
	root := &slot{kind: objectSlot}
	s := root.field(f.Alias, f.Definition.Type.NonNull)
	var e told
	if err := json.Unmarshal(text, &e); err != nil {
		r.fail(s, f, err)
		return r.response(root)
	}
	of := r.typeOf(f)
	for _, inner := range r.collect(of, f.Selections) {
		slot := s.field(inner.Alias, true)
		switch inner.Name {
		case "__typename":
			slot.leaf = quoted(of.Name)
		case "id":
			slot.leaf = quoted(e.ID)
		case "type":
			slot.leaf = quoted(e.Type)
		case "channel":
			slot.leaf = quoted(e.Channel)
		case "time":
			slot.leaf = quoted(e.Time)
		case "data":
			slot.leaf = e.Data
		}
	}
	return r.response(root)
}
