package gateway

import (
	"context"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// An Invoker makes any call of a set of contexts by its name. It is safe for
// concurrent use.
type Invoker struct {
	methods map[string]invocable
}

type invocable struct {
	Method
	client *connect.Client
}

// NewInvoker returns an invoker of all calls of the APIs, which it reaches as
// calls says: in this process, or at an address. Each context has one client,
// so its policies hold for everything that the invoker does.
func NewInvoker(calls *rpc.Directory, apis ...API) *Invoker {
	i := &Invoker{methods: map[string]invocable{}}
	for _, api := range apis {
		client := calls.Client(api.Context)
		for _, m := range api.Methods {
			i.methods[m.Procedure] = invocable{m, client}
		}
	}
	return i
}

// Method returns the call with the name, and whether there is one.
func (i *Invoker) Method(procedure string) (Method, bool) {
	m, ok := i.methods[procedure]
	return m.Method, ok
}

// Invoke makes the call with the name "/pl.quiz.v1.QuizService/SubmitQuiz", in
// the name of the caller of ctx, and returns its answer. The request has the
// type of the call's request and is not changed. Headers of the caller's own,
// for example an Idempotency-Key, are those of the [connect.CallInfo] in ctx,
// when it has one; a command without a key gets one, so that it is safely sent
// again when its context is away for a moment.
//
// The error is a [*connect.Error]: Unimplemented for a call that there is not.
func (i *Invoker) Invoke(ctx context.Context, procedure string, request proto.Message) (proto.Message, error) {
	m, ok := i.methods[procedure]
	if !ok {
		return nil, connect.Errorf(connect.CodeUnimplemented, "there is no call %s", procedure)
	}
	answer := m.Response()
	if err := m.client.CallUnary(ctx, m.spec(), request, answer); err != nil {
		return nil, err
	}
	return answer, nil
}
