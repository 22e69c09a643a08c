package graphql

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
	coderws "github.com/coder/websocket"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// websocket is GraphQL over websockets, as graphql-transport-ws has it.
func (h *Handler) websocket(c Config) transport.Websocket {
	limit := int64(c.Sockets.FrameBytes)
	return transport.Websocket{
		Implementation: accepter{
			transport.CoderWebsocketImplementation{AcceptOptions: coderws.AcceptOptions{OriginPatterns: hosts(c.Origins)}},
			c.Sockets.Heartbeat,
		},
		InitFunc:         refusing(h.begin),
		InitTimeout:      c.Sockets.Handshake,
		PingPongInterval: c.Sockets.Heartbeat,
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

// A parting is why a websocket is closed, once that is known, and what its
// subscriptions can go on from when they come back.
type parting struct {
	atomic.Pointer[coderws.CloseError]
	heartbeat
}

type partingKey struct{}

// The closes of a websocket that this package begins. graphql-ws has 4403 for a
// client that comes back with a new token.
var (
	goingAway = coderws.CloseError{Code: coderws.StatusGoingAway, Reason: "the server is about to end"}
	outdated  = coderws.CloseError{Code: forbidden, Reason: "the access token has expired"}
)

// accepter takes websockets that say why they are closed, and that nobody can
// hold up by not reading.
type accepter struct {
	transport.CoderWebsocketImplementation
	patience time.Duration
}

// Accept implements [transport.WebsocketImplementation].
func (a accepter) Accept(w http.ResponseWriter, r *http.Request, o transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	accepted, err := a.CoderWebsocketImplementation.Accept(w, r, o)
	if err != nil {
		return nil, err
	}
	conn, ok := accepted.(bounded)
	why, known := r.Context().Value(partingKey{}).(*parting)
	if !ok || !known {
		return nil, errors.Join(errors.New("this websocket has no limits"), accepted.Close())
	}
	own := connection{conn, why, a.patience}
	if own.Subprotocol() == protocol {
		why.to(own)
	}
	return own, nil
}

// bounded is a websocket with limits.
type bounded interface {
	transport.WebsocketConn
	transport.WebsocketReadLimiter
	transport.WebsocketReadDeadliner
}

type connection struct {
	bounded
	why      *parting
	patience time.Duration
}

// WriteJSON implements [transport.WebsocketConn]. A client that takes nothing
// for too long is cut off.
func (c connection) WriteJSON(v any) error {
	timer := time.AfterFunc(c.patience, func() { _ = c.Close() })
	defer timer.Stop()
	return c.bounded.WriteJSON(v)
}

// WriteClose implements [transport.WebsocketConn].
func (c connection) WriteClose(code int, reason string) error {
	if why := c.why.Load(); why != nil {
		code, reason = int(why.Code), why.Reason
	}
	return c.bounded.WriteClose(code, reason)
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

type subscriptionsKey struct{}

// bounded returns the context of a connection of a caller who has entered.
func (h *Handler) bounded(ctx context.Context, caller identity.Caller) context.Context {
	why, _ := ctx.Value(partingKey{}).(*parting) // ServeHTTP has put it there
	ctx, cancel := context.WithCancel(context.WithValue(ctx, subscriptionsKey{}, new(atomic.Int32)))
	var expired <-chan time.Time
	if !caller.Expires.IsZero() {
		expired = time.After(time.Until(caller.Expires))
	}
	go func() {
		defer h.leave(caller.Name())
		defer cancel()
		tick := time.NewTicker(cmp.Or(h.sockets.Heartbeat, realtime.DefaultLimits.Heartbeat))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				why.beat()
				continue
			case <-h.ending:
				why.Store(&goingAway)
			case <-expired:
				why.Store(&outdated)
			case <-ctx.Done():
			}
			return
		}
	}()
	return ctx
}

func (h *Handler) enter(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open >= h.sockets.Sessions || h.connections[name] >= h.sockets.SessionsPerCaller {
		return false
	}
	h.open++
	h.connections[name]++
	return true
}

func (h *Handler) leave(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	if h.connections[name]--; h.connections[name] == 0 {
		delete(h.connections, name)
	}
}
