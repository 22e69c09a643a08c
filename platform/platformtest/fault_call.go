package platformtest

import (
	"context"

	"connectrpc.com/connect/v2"
)

// BreakCall makes the next times that a procedure is called go wrong; [Always]
// until [Harness.Mend]. Every attempt of a client counts, those of sagas, and
// those of the test itself. The procedure is one of the generated constants,
// for example coursev1connect.CourseServiceActivateAccessProcedure.
//
// Refused and lost calls end with Unavailable, and those that are stuck when
// the caller's time is up.
func (h *Harness) BreakCall(procedure string, fault Fault, times int) {
	h.faults.plan("call "+procedure, fault, times)
}

// attempt is the interceptor of every attempt of a call.
func (f *faults) attempt(next connect.ClientFunc) connect.ClientFunc {
	return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
		switch f.hit("call " + spec.Procedure) {
		case Refused:
			return nil, unavailable()
		case Lost:
			stream, err := next(ctx, spec)
			return unheard{stream}, err
		case Stuck:
			<-ctx.Done()
			return nil, connect.NewError(connect.CodeDeadlineExceeded, errFault.Error())
		}
		return next(ctx, spec)
	}
}

func unavailable() error { return connect.NewError(connect.CodeUnavailable, errFault.Error()) }

// An unheard stream loses the answer.
type unheard struct{ connect.ClientStream }

func (s unheard) Receive(msg any) error {
	if err := s.ClientStream.Receive(msg); err != nil {
		return err
	}
	return unavailable()
}
