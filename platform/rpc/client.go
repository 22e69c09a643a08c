package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"

	"github.com/pulselearn/campus-hub/platform/tx"
)

const (
	maxAttempts  = 4
	firstBackoff = 50 * time.Millisecond
)

// NewClient returns a client over transport that is safe to use between
// contexts. Commands get an Idempotency-Key, made once a call and kept on
// retry, unless the caller's CallInfo already carries one; unary calls that
// fail as Unavailable are sent again with back-off, four attempts at most; and
// a call from inside a transaction is refused, because it could wait for a
// lock that its own transaction holds. Further interceptors run outside of
// these, once a call.
func NewClient(transport connect.Transport, interceptors ...connect.ClientInterceptor) *connect.Client {
	own := []connect.ClientInterceptor{refuseInTx, addIdempotencyKey, retryUnary}
	return connect.NewClient(transport, append(interceptors, own...)...)
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
			key, err := uuid.NewV7()
			if err != nil {
				return nil, connect.Errorf(connect.CodeInternal, "make an idempotency key: %v", err)
			}
			return sendKey(ctx, spec, next, info.RequestHeader(), key.String())
		}
		return next(ctx, spec)
	}
}

// sendKey makes a call with a key. The headers belong to the caller, who may
// use them for another call: that one must not find the key in them.
func sendKey(
	ctx context.Context, spec connect.Spec, next connect.ClientFunc, headers *connect.Header, key string,
) (connect.ClientStream, error) {
	headers.Set(HeaderIdempotencyKey, key)
	stream, err := next(ctx, spec)
	if err != nil {
		headers.Delete(HeaderIdempotencyKey)
		return nil, err
	}
	return &keyedStream{stream, headers}, nil
}

// keyedStream takes the key back when its call is over.
type keyedStream struct {
	connect.ClientStream
	headers *connect.Header
}

func (s *keyedStream) Close() error {
	s.headers.Delete(HeaderIdempotencyKey)
	return s.ClientStream.Close()
}

func isQuery(spec connect.Spec) bool {
	return spec.IdempotencyLevel == connect.IdempotencyNoSideEffects
}

func retryUnary(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		if spec.StreamType != connect.StreamTypeUnary {
			return next(ctx, spec)
		}
		return &retryingStream{ctx: ctx, spec: spec, open: next}, nil
	}
}

// retryingStream holds the one request of a unary call back until the answer
// is asked for, so that the whole exchange can be repeated.
type retryingStream struct {
	ctx     context.Context
	spec    connect.Spec
	open    connect.ClientFunc
	request any
}

func (s *retryingStream) SendHeaders() error { return nil }
func (s *retryingStream) CloseSend() error   { return nil }
func (s *retryingStream) Close() error       { return nil }

func (s *retryingStream) Send(msg any) error {
	s.request = msg
	return nil
}

func (s *retryingStream) Receive(msg any) error {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		err := s.exchange(msg)
		if err == nil || attempt == maxAttempts || connect.CodeOf(err) != connect.CodeUnavailable {
			return err
		}
		if waitErr := sleep(s.ctx, backoff/2+rand.N(backoff)); waitErr != nil {
			return errors.Join(err, waitErr)
		}
		backoff *= 2
	}
}

func (s *retryingStream) exchange(msg any) (err error) {
	stream, err := s.open(s.ctx, s.spec)
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

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
