package saga_test

import (
	"context"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A fault is what goes wrong with one call.
type fault int

const (
	fine    fault = iota
	dropped       // never arrives
	lost          // arrives; the answer does not
	refused       // is not done, and that is said
	broken        // panics before it has an effect
	late          // gives up, and arrives in the end
	hanging       // arrives; the answer comes when the time is up
)

// others are the contexts that the saga calls. As the package demands of them,
// they answer a key once and for all, and what was undone cannot be done.
type others struct {
	mu      sync.Mutex
	answers map[string]string          // by method and key
	effects map[string]int             // by method and id
	undone  map[string]bool            // by id: the tombstones
	access  map[string]bool            // by id
	keys    map[string]map[string]bool // by method and id
	faults  map[string][]fault         // by method, and by method and id: of the next calls
	always  map[string]fault           // by method: after those
	delayed []func()
	log     []string
	hold    chan struct{} // when set, calls wait for it after their effect
	held    chan struct{}
}

func newOthers() *others {
	return &others{
		answers: map[string]string{}, effects: map[string]int{}, undone: map[string]bool{}, access: map[string]bool{},
		keys: map[string]map[string]bool{}, faults: map[string][]fault{}, always: map[string]fault{},
	}
}

// call is a call of the method with the saga's payment as its id.
func (o *others) call(method string) *saga.Call {
	return &saga.Call{
		Procedure:  "/" + method,
		NewRequest: func() proto.Message { return &wrapperspb.StringValue{} },
		Request: func(_ context.Context, state proto.Message, _ *saga.Failure) (proto.Message, error) {
			return wrapperspb.String(get(state, "payment")), nil
		},
		Do: func(ctx context.Context, key string, req proto.Message) (proto.Message, error) {
			if tx.InTx(ctx) {
				return nil, connect.NewError(connect.CodeFailedPrecondition, "called inside a transaction")
			}
			return o.answer(ctx, method, key, req.(*wrapperspb.StringValue).Value)
		},
		Done: func(_ context.Context, _ *tx.Tx, state, res proto.Message) error {
			set(state, method, res.(*wrapperspb.StringValue).Value)
			return nil
		},
	}
}

func (o *others) next(method, id string) fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = append(o.log, method+" "+id)
	for _, name := range []string{method + " " + id, method} {
		if f := o.faults[name]; len(f) > 0 {
			o.faults[name] = f[1:]
			return f[0]
		}
		if f, ok := o.always[name]; ok {
			return f
		}
	}
	return fine
}

func (o *others) answer(ctx context.Context, method, key, id string) (proto.Message, error) {
	f := o.next(method, id)
	switch f {
	case dropped:
		return nil, connect.NewError(connect.CodeUnavailable, "no route")
	case refused:
		return nil, connect.NewError(connect.CodeFailedPrecondition, "the course is closed")
	case broken:
		panic("broken")
	case late:
		o.mu.Lock()
		o.delayed = append(o.delayed, func() { _, _ = o.effect(method, key, id) })
		o.mu.Unlock()
		return nil, connect.NewError(connect.CodeDeadlineExceeded, "too slow")
	}
	text, err := o.effect(method, key, id)
	o.wait(ctx)
	switch {
	case f == hanging:
		<-ctx.Done()
		return nil, ctx.Err()
	case f == lost:
		return nil, connect.NewError(connect.CodeUnavailable, "the connection broke")
	case err != nil:
		return nil, err
	}
	return wrapperspb.String(text), nil
}

func (o *others) wait(ctx context.Context) {
	o.mu.Lock()
	hold, held := o.hold, o.held
	o.hold = nil
	o.mu.Unlock()
	if hold != nil {
		close(held)
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
}

func (o *others) effect(method, key, id string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := method + " " + id
	if o.keys[at] == nil {
		o.keys[at] = map[string]bool{}
	}
	o.keys[at][key] = true
	if text, ok := o.answers[method+key]; ok {
		return text, nil
	}
	switch method {
	case "course.Activate":
		if o.undone[id] {
			return "", connect.NewError(connect.CodeFailedPrecondition, "access was revoked")
		}
		o.access[id] = true
	case "course.Revoke":
		o.undone[id], o.access[id] = true, false
	}
	o.effects[at]++
	o.answers[method+key] = "did " + at
	return "did " + at, nil
}

// arrive lets the calls arrive that were delayed.
func (o *others) arrive() {
	o.mu.Lock()
	delayed := o.delayed
	o.delayed = nil
	o.mu.Unlock()
	for _, f := range delayed {
		f()
	}
}

func (o *others) will(method string, faults ...fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults[method] = faults
}

func (o *others) willAlways(method string, f fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.always[method] = f
}

func (o *others) count(method, id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.effects[method+" "+id]
}

// calls returns the methods that were called for an id, in order.
func (o *others) calls(id string) (methods []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, line := range o.log {
		if method, is := strings.CutSuffix(line, " "+id); is {
			methods = append(methods, method)
		}
	}
	return methods
}
