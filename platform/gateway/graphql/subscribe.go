package graphql

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

// Events feeds subscriptions.
type Events interface {
	// Subscribe returns the events of a channel, "user:ada", in JSON as they
	// come, for the caller of ctx, until ctx ends or the caller is too slow:
	// then the result is closed. It fails when the caller may not listen.
	Subscribe(ctx context.Context, channel string) (<-chan []byte, error)
}

// subscribe runs a subscription.
func (e *executable) subscribe(_ context.Context, _ *graphql.OperationContext) graphql.ResponseHandler {
	return graphql.OneShot(graphql.ErrorResponse(context.Background(), "%s", problem.New("unimplemented", "there are no subscriptions").Detail))
}
