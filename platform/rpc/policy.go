package rpc

import (
	"cmp"
	"context"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// What a call does that has no policy, or one that leaves it out.
const (
	// DefaultCallTimeout bounds one attempt, whatever the caller's own
	// deadline is.
	DefaultCallTimeout = 10 * time.Second
	// DefaultOpen is how long a breaker stays open.
	DefaultOpen = 10 * time.Second
)

// DefaultCallRetry is how a call is tried again that may be repeated.
var DefaultCallRetry = bus.RetryPolicy{Attempts: 4, First: 50 * time.Millisecond, Max: time.Second}

// A Policy says what a caller does when a context that it calls is slow or
// down. Generated code makes it of the contract.
type Policy struct {
	// Caller is the context that calls, for metrics.
	Caller string
	// Procedure is the one call that the policy is for; empty stands for every
	// call of the context that has no policy of its own.
	Procedure string
	// Timeout bounds one attempt; 0 means [DefaultCallTimeout].
	Timeout time.Duration
	// Retry says how often a call is tried; a zero field means that of
	// [DefaultCallRetry]. Only queries and calls with an Idempotency-Key are
	// tried again, and only after a failure that may pass: Unavailable,
	// DeadlineExceeded, ResourceExhausted, Aborted, or the timeout.
	Retry bus.RetryPolicy
	// Breaker stops calls that fail too often. Its zero value never does.
	Breaker Breaker
	// MaxConcurrent is the most calls at one time; more are refused at once
	// with ResourceExhausted. 0 means any number.
	MaxConcurrent int
	// Fallback answers a call in place of a context that is down: that cannot
	// be reached, does not answer, or fails for no reason of the request's
	// own. It may be nil.
	Fallback Fallback
}

// A Fallback answers req, a call that failed with cause. Returning cause
// leaves the call failed. It is safe for concurrent use.
type Fallback func(ctx context.Context, req proto.Message, cause error) (proto.Message, error)

// A Breaker opens when Failures of the last Window attempts have failed
// because the other side is down. While it is open, calls fail at once with
// Unavailable; after Open one is let through, and what becomes of it closes
// the breaker or opens it again.
type Breaker struct {
	// Failures is 0 for a breaker that never opens.
	Failures int
	// Window of 0 is as large as Failures.
	Window int
	// Open of 0 means [DefaultOpen].
	Open time.Duration
}

// retry returns the policy's retry with the defaults for what it leaves out.
func (p *Policy) retry() bus.RetryPolicy {
	return bus.RetryPolicy{
		Attempts: cmp.Or(p.Retry.Attempts, DefaultCallRetry.Attempts),
		First:    cmp.Or(p.Retry.First, DefaultCallRetry.First),
		Max:      cmp.Or(p.Retry.Max, DefaultCallRetry.Max),
	}
}

// An Observer is told what policies do. call is a name like
// "userprofile.GetUser". Its methods are safe for concurrent use and return at
// once.
type Observer interface {
	// CallRetrying is called before each attempt but the first, with what
	// failed before.
	CallRetrying(caller, call string, cause error)
	// CallTimedOut is called for an attempt that took longer than its timeout.
	CallTimedOut(caller, call string)
	// CallRejected is called for a call that was not sent: policy is "breaker"
	// or "max_concurrent".
	CallRejected(caller, call, policy string)
	// CallFellBack is called for a call that a fallback answers, with what it
	// failed with.
	CallFellBack(caller, call string, cause error)
	// BreakerChanged is called for every breaker when it is made and when it
	// changes. of is the context, or the one call, that it is for; state is
	// "closed", "half-open" or "open".
	BreakerChanged(caller, of, state string)
}

// unobserved is the Observer of clients that have none.
type unobserved struct{}

func (unobserved) CallRetrying(string, string, error)    {}
func (unobserved) CallTimedOut(string, string)           {}
func (unobserved) CallRejected(string, string, string)   {}
func (unobserved) CallFellBack(string, string, error)    {}
func (unobserved) BreakerChanged(string, string, string) {}

// callName turns a procedure, "/pl.userprofile.v1.UserProfileService/GetUser",
// into what contracts call it: "userprofile.GetUser". One that is named
// otherwise stays as it is.
func callName(procedure string) string {
	service, method, ok := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	parts := strings.Split(service, ".")
	if !ok || len(parts) != 4 || parts[0] != "pl" {
		return procedure
	}
	return parts[1] + "." + method
}

// passing reports whether what failed with a code may succeed when it is tried
// again.
func passing(code connect.Code) bool {
	switch code {
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted, connect.CodeAborted:
		return true
	}
	return false
}

// down reports whether a code tells of the other side's state and not of the
// request.
func down(code connect.Code) bool {
	switch code {
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted,
		connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
		return true
	}
	return false
}
