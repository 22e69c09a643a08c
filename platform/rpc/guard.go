package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"google.golang.org/protobuf/proto"
)

// A guard holds calls to one policy. It is shared by all calls of the policy,
// and safe for concurrent use.
type guard struct {
	policy   Policy
	observer Observer
	breaker  circuitbreaker.CircuitBreaker[any] // nil for none
	// once runs a call, repeated tries it again.
	once, repeated failsafe.Executor[any]
}

// newGuard composes a policy, outermost first: retry, the limit of concurrent
// calls, breaker, timeout. Every attempt passes through the inner three. The
// breaker is inside of the limit so that a refused call is no verdict on the
// other side.
func newGuard(context string, p Policy, o Observer) *guard {
	g := &guard{policy: p, observer: o}
	var inner []failsafe.Policy[any]
	if p.MaxConcurrent > 0 {
		inner = append(inner, bulkhead.New[any](uint(p.MaxConcurrent)))
	}
	if p.Breaker.Failures > 0 {
		g.breaker = g.newBreaker(context)
		inner = append(inner, g.breaker)
	}
	inner = append(inner, timeout.New[any](cmp.Or(p.Timeout, DefaultCallTimeout)))
	g.once = failsafe.With(inner...)
	g.repeated = failsafe.With(append([]failsafe.Policy[any]{newRetry(&p)}, inner...)...)
	return g
}

// retryJitter is the part of a delay by which it may be shorter or longer.
const retryJitter = 0.5

func newRetry(p *Policy) retrypolicy.RetryPolicy[any] {
	r := p.retry()
	return retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool {
			return errors.Is(err, timeout.ErrExceeded) || coded(err, passing) && RetryDelay(err) <= r.Max
		}).
		WithMaxAttempts(r.Attempts).
		WithBackoff(r.First, r.Max).
		WithJitterFactor(retryJitter).
		ReturnLastFailure().
		Build()
}

func (g *guard) newBreaker(context string) circuitbreaker.CircuitBreaker[any] {
	b, of := g.policy.Breaker, context
	if g.policy.Procedure != "" {
		of = callName(g.policy.Procedure)
	}
	g.observer.BreakerChanged(g.policy.Caller, of, circuitbreaker.ClosedState.String())
	return circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return g.failed(err) }).
		WithFailureThresholdRatio(uint(b.Failures), uint(max(b.Window, b.Failures))).
		WithSuccessThreshold(1).
		WithDelay(cmp.Or(b.Open, DefaultOpen)).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			g.observer.BreakerChanged(g.policy.Caller, of, e.NewState.String())
		}).
		Build()
}

// failed reports whether an attempt speaks against the other side: also one
// that has not answered before its caller's deadline. One that was canceled
// says nothing, but must not close a breaker either that let it through to
// find out.
func (g *guard) failed(err error) bool {
	if errors.Is(err, timeout.ErrExceeded) || coded(err, down) {
		return true
	}
	return g.breaker.IsHalfOpen() && coded(err, func(c connect.Code) bool { return c == connect.CodeCanceled })
}

func coded(err error, is func(connect.Code) bool) bool {
	var own *connect.Error
	return errors.As(err, &own) && is(own.Code())
}

// A call is one use of a guard.
type call struct {
	*guard
	name     string
	exchange func(context.Context) error
	attempts int
	last     error // of the attempts
}

// run makes the call, trying again when it may be repeated.
func (c *call) run(ctx context.Context, repeatable bool) error {
	if ctx.Err() != nil {
		return c.abandoned(ctx) // before the other side could be blamed for it
	}
	executor := c.once
	if repeatable {
		executor = c.repeated
	}
	err := executor.WithContext(ctx).RunWithExecution(func(e failsafe.Execution[any]) error {
		if c.attempts > 0 {
			c.observer.CallRetrying(c.policy.Caller, c.name, c.last)
		}
		c.attempts++
		c.last = c.attempt(ctx, e.Context())
		return c.last
	})
	if err == nil {
		return nil
	}
	return c.explain(ctx, err)
}

// attempt tells the end of its own time, inner, from that of the call's.
func (c *call) attempt(outer, inner context.Context) error {
	err := c.exchange(inner)
	switch {
	case err == nil || outer.Err() != nil:
		return err
	case inner.Err() != nil:
		c.observer.CallTimedOut(c.policy.Caller, c.name)
		return timeout.ErrExceeded
	case connectionLost(err):
		return connect.Errorf(connect.CodeUnavailable, "the connection was lost: %v", err).WithCause(err)
	}
	return err
}

// connectionLost reports whether a call failed that nobody gave up because its
// connection ended. Connect has Canceled for one that breaks before the
// request is out, and Unknown for one that breaks within the answer. A Canceled
// that the other side has answered has no cause here.
func connectionLost(err error) bool {
	var own *connect.Error
	return errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &own) && own.Code() == connect.CodeCanceled && own.Unwrap() != nil
}

// explain names the call and the policy that ended it.
func (c *call) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return c.abandoned(ctx)
	case errors.Is(err, circuitbreaker.ErrOpen):
		c.observer.CallRejected(c.policy.Caller, c.name, "breaker")
		return connect.Errorf(connect.CodeUnavailable, "%s: the circuit breaker is open, because too many calls have failed; it lets one through in %v",
			c.name, c.breaker.RemainingDelay().Round(time.Millisecond)).WithCause(c.last)
	case errors.Is(err, bulkhead.ErrFull):
		c.observer.CallRejected(c.policy.Caller, c.name, "max_concurrent")
		return connect.Errorf(connect.CodeResourceExhausted, "%s: %d calls are under way, the most that the policy of %s allows (max_concurrent)",
			c.name, c.policy.MaxConcurrent, cmp.Or(c.policy.Caller, "the caller")).WithCause(c.last)
	case errors.Is(err, timeout.ErrExceeded):
		err = connect.Errorf(connect.CodeDeadlineExceeded, "no answer within the timeout of %v", cmp.Or(c.policy.Timeout, DefaultCallTimeout))
	}
	if c.attempts > 1 {
		return fmt.Errorf("%s: gave up after %d attempts: %w", c.name, c.attempts, err)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// abandoned is the error of a call whose caller does not wait any longer: its
// last failure, if it has one.
func (c *call) abandoned(ctx context.Context) error {
	code := connect.CodeCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = connect.CodeDeadlineExceeded
	}
	if c.last != nil && !errors.Is(c.last, timeout.ErrExceeded) {
		return fmt.Errorf("%s: the caller's time is up: %w", c.name, errors.Join(c.last, ctx.Err()))
	}
	return connect.Errorf(code, "%s: the caller's time is up", c.name).WithCause(ctx.Err())
}

// answer runs the fallback when the call failed because the other side is
// down and somebody still waits for the answer, which it stores in res.
func (c *call) answer(ctx context.Context, req, res any, cause error) error {
	if c.policy.Fallback == nil || ctx.Err() != nil || !coded(cause, down) {
		return cause
	}
	in, isProto := req.(proto.Message)
	out, ok := res.(proto.Message)
	if !isProto || !ok {
		return cause
	}
	c.observer.CallFellBack(c.policy.Caller, c.name, cause)
	answer, err := c.policy.Fallback(ctx, in, cause)
	if err := checkAnswer(c.name, answer, err); err != nil {
		return fmt.Errorf("%s: fallback: %w", c.name, err)
	}
	proto.Reset(out)
	proto.Merge(out, answer)
	return nil
}
