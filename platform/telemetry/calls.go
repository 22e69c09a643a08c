package telemetry

import (
	"context"

	"connectrpc.com/connect/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Calls counts what the policies of calls between contexts do. It implements
// the Observer of package rpc.
type Calls struct{ *instruments }

// Calls returns the process's observer of calls.
func (t *Telemetry) Calls() *Calls { return &Calls{t.instruments} }

func callAttributes(caller, call string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, attribute.String("caller", caller), attribute.String("call", call))...)
}

// CallRetrying counts a repeated attempt.
func (c *Calls) CallRetrying(caller, call string, cause error) {
	c.callRetries.Add(context.Background(), 1, callAttributes(caller, call, attribute.String("code", connect.CodeOf(cause).String())))
}

// CallTimedOut counts an attempt that took too long.
func (c *Calls) CallTimedOut(caller, call string) {
	c.callTimeouts.Add(context.Background(), 1, callAttributes(caller, call))
}

// CallRejected counts a call that was not sent.
func (c *Calls) CallRejected(caller, call, policy string) {
	c.callRejections.Add(context.Background(), 1, callAttributes(caller, call, attribute.String("policy", policy)))
}

// CallFellBack counts a call that a fallback answered.
func (c *Calls) CallFellBack(caller, call string, cause error) {
	c.callFallbacks.Add(context.Background(), 1, callAttributes(caller, call, attribute.String("code", connect.CodeOf(cause).String())))
}

// CallRefused counts a call that its caller may not make. The call's name is
// one of the contracts'.
func (c *Calls) CallRefused(ctx context.Context, call string, code connect.Code) {
	c.callRefusals.Add(ctx, 1, metric.WithAttributes(attribute.String("call", call), attribute.String("code", code.String())))
}

// BreakerChanged sets the state of a breaker: 0 for closed, 1 for half-open and
// 2 for open.
func (c *Calls) BreakerChanged(caller, of, state string) {
	c.breakers.Record(context.Background(), breakerState(state), callAttributes(caller, of))
}

func breakerState(state string) int64 {
	switch state {
	case "closed":
		return 0
	case "half-open":
		return 1
	}
	return 2
}
