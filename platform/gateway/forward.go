package gateway

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// Forward serves the calls of an API on server, for Connect, gRPC and gRPC-Web,
// by making them in the name of their callers. It is for a context that another
// process serves.
func (i *Invoker) Forward(server *connect.Server, api API) {
	for _, m := range api.Methods {
		server.Register(connect.Method{Spec: m.spec(), Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
			return i.forward(ctx, m, stream)
		}})
	}
}

func (i *Invoker) forward(ctx context.Context, m Method, stream connect.ServerStream) error {
	request := m.Request()
	if err := stream.Receive(request); err != nil {
		return err
	}
	calls, sent := connect.NewClientContext(ctx)
	from, ok := connect.CallInfoForServerContext(ctx)
	if ok && !m.Query {
		if key := from.RequestHeader().Get(rpc.HeaderIdempotencyKey); key != "" {
			sent.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
		}
	}
	answer, err := i.Invoke(calls, m.Procedure, request)
	if replayed := sent.ResponseHeader().Get(rpc.HeaderIdempotencyReplayed); ok && replayed != "" {
		from.ResponseHeader().Set(rpc.HeaderIdempotencyReplayed, replayed)
	}
	if err != nil {
		return passedOn(err)
	}
	return stream.Send(answer)
}

// passedOn returns an error of another process as one of this, because it is
// meant for the caller; Connect tells callers nothing of other processes'.
func passedOn(err error) error {
	var remote *connect.Error
	if !errors.As(err, &remote) || !remote.IsRemote() {
		return err
	}
	own := connect.NewError(remote.Code(), remote.Message()).WithCause(err)
	for _, detail := range remote.Details() {
		own = own.WithDetail(detail)
	}
	return own
}
