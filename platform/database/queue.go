package database

import (
	"bytes"
	"context"
	"fmt"
)

// maxQueue is how many statements wait at most.
const maxQueue = 256

// A Statement is one that waits to be sent.
type Statement struct {
	Query string
	Args  []any
	owner int
}

// A QueueError is the failure of a statement that had waited.
type QueueError struct {
	// Owner is what [Unit.Queue] was told.
	Owner int
	Err   error
}

// Error returns the cause.
func (e *QueueError) Error() string { return fmt.Sprintf("statement sent later: %v", e.Err) }

// Unwrap returns Err.
func (e *QueueError) Unwrap() error { return e.Err }

// Queue runs a statement whose result nobody needs, not necessarily at once:
// it is sent together with those queued before it, at the latest before the
// next statement that is not queued or before the end of the transaction. The
// values of args must not change; bytes are copied. An error of a queued
// statement is a *[QueueError] that names its owner, and is returned by the
// call that sends it.
func (u *Unit) Queue(ctx context.Context, owner int, query string, args ...any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return ErrOver
	}
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			args[i] = bytes.Clone(b)
		}
	}
	u.queue = append(u.queue, Statement{Query: query, Args: args, owner: owner})
	if len(u.queue) < maxQueue {
		return nil
	}
	return u.flush(ctx)
}

// Flush sends the statements that are queued.
func (u *Unit) Flush(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return ErrOver
	}
	return u.flush(ctx)
}

// flush is Flush under u.mu.
func (u *Unit) flush(ctx context.Context) error {
	if len(u.queue) == 0 {
		return nil
	}
	ctx, stop := u.bound(ctx)
	defer stop()
	queued := u.queue
	u.queue = u.queue[:0]
	done, err := u.db.dialect.ExecBatch(ctx, u.conn, queued)
	if err == nil {
		return nil
	}
	return &QueueError{Owner: queued[min(done, len(queued)-1)].owner, Err: err}
}
