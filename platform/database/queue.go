package database

import (
	"bytes"
	"context"
	"fmt"
)

// Nobody owns a queued statement whose failure is that of the whole transaction.
const Nobody = -1

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
// statement is a *[QueueError] that names its owner, unless that is [Nobody], and
// is returned by the call that sends it.
func (u *Unit) Queue(ctx context.Context, owner int, query string, args ...any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.usable(); err != nil {
		return err
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
	_, err := u.flush(ctx)
	return err
}

// Flush sends the statements that are queued.
func (u *Unit) Flush(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.usable(); err != nil {
		return err
	}
	_, err := u.flush(ctx)
	return err
}

// flush is Flush under u.mu. It sends more statements with those that are queued
// and returns how many rows the last of all has changed.
func (u *Unit) flush(ctx context.Context, more ...Statement) (changed int64, err error) {
	queued := append(u.queue, more...)
	if len(queued) == 0 {
		return 0, nil
	}
	ctx, stop := u.bound(ctx)
	defer stop()
	late := !u.begun
	u.queue, u.begun = queued[:0], true
	done, changed, err := u.db.dialect.ExecBatch(ctx, u.conn, queued)
	if err == nil {
		return changed, nil
	}
	if owner := queued[min(done, len(queued)-1)].owner; owner != Nobody {
		err = &QueueError{Owner: owner, Err: err}
	}
	if late && done == 0 {
		u.failed = err // what comes now would be outside of a transaction
	}
	return 0, err
}
