package rpc

import (
	"context"
	"errors"
	"slices"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/tx"
)

// NewClient returns a client over transport that is safe to use between
// contexts. Commands get an Idempotency-Key, made once a call and kept on
// retry, unless the caller's CallInfo already carries one or its context does,
// see [WithKey]; a call that fails in a way that may pass is sent again as
// [DefaultCallRetry] says; and a call from inside a transaction is refused,
// because it could wait for a lock that its own transaction holds. Further
// interceptors run outside of these, once a call; [Bearer] is one that says who
// calls.
func NewClient(transport connect.Transport, interceptors ...connect.ClientInterceptor) *connect.Client {
	return newClient(transport, newGuards("", nil, unobserved{}), interceptors)
}

// newClient returns a client with what every client has, and inner next to the
// transport, once an attempt.
func newClient(
	transport connect.Transport, g *guards, interceptors []connect.ClientInterceptor, inner ...connect.ClientInterceptor,
) *connect.Client {
	own := []connect.ClientInterceptor{refuseInTx, addIdempotencyKey, g.intercept}
	return connect.NewClient(transport, slices.Concat(interceptors, own, inner)...)
}

var errInTx = connect.NewError(connect.CodeFailedPrecondition,
	"calls to other contexts are refused inside a transaction: they could deadlock; call from a query handler, or publish an event")

func refuseInTx(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		if tx.InTx(ctx) {
			return nil, errInTx
		}
		return next(ctx, spec)
	}
}

func addIdempotencyKey(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		info, ok := connect.CallInfoForClientContext(ctx)
		if ok && !isQuery(spec) && info.RequestHeader().Get(HeaderIdempotencyKey) == "" {
			key, err := keyOf(ctx, spec)
			if err != nil {
				return nil, connect.Errorf(connect.CodeInternal, "make an idempotency key: %v", err)
			}
			return lend(info.RequestHeader(), HeaderIdempotencyKey, key, func() (connect.ClientStream, error) {
				return next(ctx, spec)
			})
		}
		return next(ctx, spec)
	}
}

func isQuery(spec connect.Spec) bool {
	return spec.IdempotencyLevel == connect.IdempotencyNoSideEffects
}

// guards are the policies of one client.
type guards struct {
	rest *guard
	of   map[string]*guard // by procedure
}

func newGuards(context string, policies []Policy, o Observer) *guards {
	g := &guards{of: map[string]*guard{}}
	for _, p := range policies {
		if p.Procedure != "" {
			g.of[p.Procedure] = newGuard(context, p, o)
		} else {
			g.rest = newGuard(context, p, o)
		}
	}
	if g.rest == nil {
		g.rest = newGuard(context, Policy{}, o)
	}
	return g
}

func (g *guards) intercept(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		if spec.StreamType != connect.StreamTypeUnary {
			return next(ctx, spec)
		}
		guard, ok := g.of[spec.Procedure]
		if !ok {
			guard = g.rest
		}
		return &guardedStream{ctx: ctx, spec: spec, open: next, guard: guard}, nil
	}
}

// guardedStream holds the one request of a unary call back until the answer is
// asked for, so that the whole exchange can be repeated.
type guardedStream struct {
	ctx     context.Context
	spec    connect.Spec
	open    connect.ClientFunc
	guard   *guard
	request any
}

func (s *guardedStream) SendHeaders() error { return nil }
func (s *guardedStream) CloseSend() error   { return nil }
func (s *guardedStream) Close() error       { return nil }

func (s *guardedStream) Send(msg any) error {
	s.request = msg
	return nil
}

func (s *guardedStream) Receive(msg any) error {
	c := &call{guard: s.guard, name: callName(s.spec.Procedure), exchange: func(ctx context.Context) error {
		return s.exchange(ctx, msg)
	}}
	if err := c.run(s.ctx, s.repeatable()); err != nil {
		return c.answer(s.ctx, s.request, msg, err)
	}
	return nil
}

// repeatable reports whether the call may be sent again: it changes nothing,
// or its key makes it run once.
func (s *guardedStream) repeatable() bool {
	info, ok := connect.CallInfoForClientContext(s.ctx)
	return isQuery(s.spec) || ok && info.RequestHeader().Get(HeaderIdempotencyKey) != ""
}

func (s *guardedStream) exchange(ctx context.Context, msg any) (err error) {
	stream, err := s.open(ctx, s.spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	if err := stream.Send(s.request); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.Receive(msg)
}
