package rpc

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Invalid returns the InvalidArgument error for one field of a request. field
// is its path in the proto file, such as "answers[2].choice"; reason completes
// the sentence that begins with it. Programs find both in a google.rpc.BadRequest
// among the error's details.
func Invalid(field, reason string) error {
	err := connect.Errorf(connect.CodeInvalidArgument, "%s: %s", field, reason)
	detail, failed := connectproto.NewErrorDetail(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: reason}},
	})
	if failed != nil { // text that is not UTF-8, which no contract has
		return err
	}
	return err.WithDetail(detail)
}

// Outcome says what the error of an event's handler means for its delivery,
// where the handler does not say so itself: a Connect code that tells of a
// context that is away or busy (Unavailable, DeadlineExceeded,
// ResourceExhausted, Aborted), or of a call that its caller gave up (Canceled),
// is tried again, every other code rejects, because the same call would fail
// again. An error without a code stays what it is: tried again.
func Outcome(err error) error {
	if err == nil || bus.HasOutcome(err) || !coded(err, final) {
		return err
	}
	return bus.Reject(err)
}

// final reports whether a call that failed with a code would fail again.
func final(code connect.Code) bool { return !passing(code) && code != connect.CodeCanceled }

// publicError decides what a caller may see. Errors that a handler made with
// connect.NewError go out as they are; known conditions get their code;
// everything else becomes a redacted Internal error whose cause is kept for
// the log.
func (c *Core) publicError(procedure string, err error) error {
	var own *connect.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, tx.ErrKeyReused):
		return connect.NewError(connect.CodeInvalidArgument,
			"this Idempotency-Key was already used for another request; use a new key for a new request").WithCause(err)
	case errors.Is(err, database.ErrCommitUnknown):
		return connect.NewError(connect.CodeUnavailable,
			"it is not known whether the command took effect; send it again with the same Idempotency-Key").WithCause(err)
	case errors.Is(err, tx.ErrUnavailable):
		return connect.NewError(connect.CodeUnavailable, "the database is unavailable; the command had no effect").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "the call did not finish in time").WithCause(err)
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, "the caller went away").WithCause(err)
	}
	if code, ok := c.knownCode(err); ok {
		return connect.NewError(code, publicText(code)).WithCause(err)
	}
	return internal(procedure, err)
}

// internal is what a caller sees of an error that is none of its business.
func internal(procedure string, cause error) error {
	return connect.Errorf(connect.CodeInternal, "%s failed; the log has the cause under this trace", procedure).WithCause(cause)
}

func (c *Core) knownCode(err error) (connect.Code, bool) {
	if c.code == nil {
		return 0, false
	}
	return c.code(err)
}

func publicText(code connect.Code) string {
	switch code {
	case connect.CodeNotFound:
		return "there is no such record"
	case connect.CodeAlreadyExists:
		return "such a record exists already"
	}
	return code.String()
}
