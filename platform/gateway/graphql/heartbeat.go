package graphql

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// protocol is the one that has a pong with a payload.
const protocol = "graphql-transport-ws"

// A heartbeat tells the client of a websocket how far its quiet subscriptions
// are, in pongs that nobody has asked for, which graphql-transport-ws allows and
// clients that do not care ignore.
type heartbeat struct {
	mu   sync.Mutex
	conn transport.WebsocketConn // nil for another protocol
	told map[*listening]string
}

func (h *heartbeat) to(conn transport.WebsocketConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn, h.told = conn, map[*listening]string{}
}

// begun adds a subscription, until ctx ends.
func (h *heartbeat) begun(ctx context.Context, l *listening) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		return
	}
	h.told[l] = ""
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.told, l)
	})
}

type (
	pong struct {
		Type    string    `json:"type"`
		Payload positions `json:"payload"`
	}
	positions struct {
		Positions []quiet `json:"positions"`
	}
	// quiet is where a subscription is, named by its field and the first
	// argument of that.
	quiet struct {
		Field    string `json:"field"`
		ID       string `json:"id"`
		Position string `json:"position"`
	}
)

// beat sends what has changed.
func (h *heartbeat) beat() {
	if news := h.news(); len(news) > 0 {
		_ = h.conn.WriteJSON(pong{"pong", positions{news}}) // a connection that is gone ends by itself
	}
}

func (h *heartbeat) news() (news []quiet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l, told := range h.told {
		at := positionOf(l.topic, l.stream.Quiet()).String()
		if at == "" || at == told {
			continue
		}
		h.told[l] = at
		news = append(news, quiet{l.field, l.id, at})
	}
	return news
}
