package saga_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// A stepHook does something at the points between two actions.
type stepHook struct {
	mu sync.Mutex
	at func(s bus.Step)
}

func (h *stepHook) Step(_ context.Context, s bus.Step) {
	h.mu.Lock()
	at := h.at
	h.mu.Unlock()
	if at != nil {
		at(s)
	}
}

func (h *stepHook) set(at func(s bus.Step)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = at
}

var errBroken = errors.New("connection lost during commit")

// A lossy dialect loses the connection during some of the next commits: each
// value says whether that commit has taken effect.
type lossy struct {
	database.Dialect
	mu      sync.Mutex
	applied []bool
}

func (l *lossy) Commit(ctx context.Context, c *sql.Conn) error {
	l.mu.Lock()
	loses, apply := len(l.applied) > 0, false
	if loses {
		apply = l.applied[0]
		l.applied = l.applied[1:]
	}
	l.mu.Unlock()
	if loses && !apply {
		return errBroken
	}
	if err := l.Dialect.Commit(ctx, c); err != nil || !loses {
		return err
	}
	return errBroken
}

func (l *lossy) Classify(err error) database.Fault {
	if errors.Is(err, errBroken) {
		return database.Unreachable
	}
	return l.Dialect.Classify(err)
}

func (l *lossy) lose(applied ...bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applied = applied
}

// A flaky definition has functions that fail.
type flaky struct {
	mu   sync.Mutex
	left map[string]int
}

func (f *flaky) set(name string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left[name] = n
}

func (f *flaky) get(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left[name]
}

// fails fails as often as it was told: in turns with an error and with a
// panic.
func (f *flaky) fails(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left[name] == 0 {
		return nil
	}
	f.left[name]--
	if f.left[name]%2 == 0 {
		panic(name)
	}
	return fmt.Errorf("%s fails", name)
}

func (f *flaky) wrap(d saga.Definition) saga.Definition {
	call := *d.Steps[0].Call
	request, done := call.Request, call.Done
	call.Request = func(ctx ctx, s proto.Message, c *saga.Failure) (proto.Message, error) {
		if err := f.fails("call request"); err != nil {
			return nil, err
		}
		return request(ctx, s, c)
	}
	call.Done = func(ctx ctx, t *txTx, s, res proto.Message) error {
		if err := done(ctx, t, s, res); err != nil {
			return err
		}
		return f.fails("done")
	}
	undo := *d.Steps[0].Undo
	undo.Request = func(ctx ctx, s proto.Message, c *saga.Failure) (proto.Message, error) {
		if err := f.fails("undo request"); err != nil {
			return nil, err
		}
		return request(ctx, s, c)
	}
	d.Steps[0].Call, d.Steps[0].Undo = &call, &undo
	d.Steps[1].Publish = after(d.Steps[1].Publish, func() error { return f.fails("publish") })
	failed, ended := d.Steps[2].Failed, d.Ended
	d.Steps[2].Failed = func(ctx ctx, t *txTx, s proto.Message, c *saga.Failure) error {
		if err := failed(ctx, t, s, c); err != nil {
			return err
		}
		return f.fails("failed")
	}
	d.Ended = func(ctx ctx, t *txTx, s proto.Message, o saga.Outcome, c *saga.Failure) error {
		if err := ended(ctx, t, s, o, c); err != nil {
			return err
		}
		return f.fails("ended")
	}
	return d
}

func after(publish func(ctx, *txTx, proto.Message) error, fails func() error) func(ctx, *txTx, proto.Message) error {
	return func(ctx ctx, t *txTx, s proto.Message) error {
		if err := publish(ctx, t, s); err != nil {
			return err
		}
		return fails()
	}
}
