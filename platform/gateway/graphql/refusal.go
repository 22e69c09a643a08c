package graphql

import (
	"context"

	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// forbidden is the code of graphql-transport-ws for a connection that is not
// let in. With another, 1000 for example, clients come back at once, for ever.
const forbidden = 4403

// maxReason is what fits into a close frame behind its code.
const maxReason = 123

// refusing closes a websocket that begin refuses with the code for that, and
// with the reason.
func refusing(begin transport.WebsocketInitFunc) transport.WebsocketInitFunc {
	return func(ctx context.Context, first transport.InitPayload) (context.Context, *transport.InitPayload, error) {
		begun, answer, err := begin(ctx, first)
		if err == nil {
			return begun, answer, nil
		}
		reason := err.Error()
		ctx = transport.AppendCloseReason(ctx, reason[:min(len(reason), maxReason)])
		return transport.WithWebsocketCloseCode(ctx, forbidden), nil, err
	}
}
