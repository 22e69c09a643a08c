package saga

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
)

// callGrace is how much longer than its time a call may take to return.
const callGrace = time.Second

// An answer is what came of an attempt.
type answer struct {
	res     proto.Message // when it is done
	code    connect.Code
	reason  string
	unknown bool
}

func (a *answer) done() bool { return a.res != nil }

// request returns what the call sends: what is stored, or what the definition
// says.
func (w *worker) request(ctx context.Context, n *instance, a *plan) ([]byte, error) {
	if r := n.record(a.name); r.Request != nil {
		return r.Request, nil
	}
	var cause *Failure
	if a.undo {
		cause = n.Cause
	}
	if a.step != nil {
		ctx = withStepKey(ctx, n.stepKey(a.name))
	}
	var req proto.Message
	err := w.contain(ctx, "request of "+a.call.Procedure, func() (err error) {
		req, err = a.call.Request(ctx, n.state, cause)
		if err == nil && req == nil {
			err = errors.New("there is none")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode the request of %s: %w", a.call.Procedure, err)
	}
	return append([]byte{}, data...), nil
}

// attempt makes a call whose attempt is committed.
func (w *worker) attempt(ctx context.Context, a *plan) *answer {
	r := w.in.record(a.name)
	key := w.in.stepKey(a.name)
	if a.undo {
		key = w.in.undoKey(a)
	}
	ctx, cancel := context.WithTimeout(ctx, w.attemptTime(a, r))
	defer cancel()
	ctx, end := w.cfg.stepStarted(ctx, &Attempt{
		Saga: w.in.saga, Instance: w.in.id, Step: a.name, Procedure: a.call.Procedure, Undo: a.undo,
		Number: r.Attempts, TraceParent: w.in.traceParent,
	})
	res, err := w.do(ctx, a, attemptKey(key, r.Attempts), r.Request)
	result := judge(res, err)
	end(result.text(), err)
	return result
}

// do makes the call. One that has not returned a moment after its time is left
// behind.
func (w *worker) do(ctx context.Context, a *plan, key string, request []byte) (proto.Message, error) {
	type outcome struct {
		res proto.Message
		err error
	}
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		o.err = w.contain(ctx, "call of "+a.call.Procedure, func() (err error) {
			req := a.call.NewRequest()
			if err := proto.Unmarshal(request, req); err != nil {
				return fmt.Errorf("decode the request: %w", err)
			}
			o.res, err = a.call.Do(ctx, key, req)
			return err
		})
		ended <- o
	}()
	left := make(chan struct{})
	defer context.AfterFunc(ctx, func() { time.AfterFunc(callGrace, func() { close(left) }) })()
	select {
	case o := <-ended:
		return o.res, o.err
	case <-left:
		return nil, fmt.Errorf("call of %s has not returned after its time: %w", a.call.Procedure, ctx.Err())
	}
}

// attemptTime is what is left of the step's time, within bounds.
func (w *worker) attemptTime(a *plan, r *Record) time.Duration {
	if a.undo || r.Deadline.IsZero() {
		return attemptTime
	}
	left := time.Until(r.Deadline)
	if left <= 0 || left > attemptTime {
		return attemptTime
	}
	return left
}

func judge(res proto.Message, err error) *answer {
	if err == nil && res == nil {
		err = errors.New("the call returned neither an answer nor an error")
	}
	if err == nil {
		return &answer{res: res}
	}
	code := connect.CodeOf(err)
	if errors.Is(err, context.DeadlineExceeded) {
		code = connect.CodeDeadlineExceeded
	}
	return &answer{code: code, reason: reasonOf(err), unknown: !refuses(code)}
}

// reasonOf returns what the called context says, or the error when it says
// nothing; the code is kept apart.
func reasonOf(err error) string {
	var said *connect.Error
	if errors.As(err, &said) && said.Message() != "" {
		return plain(said.Message())
	}
	return plain(err.Error())
}

func (a *answer) text() string {
	switch {
	case a.done():
		return "done"
	case a.unknown:
		return "unknown"
	}
	return "refused"
}

// refuses reports whether an error of this code is the callee's decision: it
// has had no effect and the same call will not have one. All other codes say
// that something is in the way, or went wrong at a point that nobody knows;
// among them are Internal and Unknown, which is what a defect looks like from
// outside.
func refuses(code connect.Code) bool {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeAlreadyExists, connect.CodePermissionDenied,
		connect.CodeFailedPrecondition, connect.CodeOutOfRange, connect.CodeUnimplemented, connect.CodeUnauthenticated:
		return true
	}
	return false
}
