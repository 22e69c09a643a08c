package tx

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A Command is a call that changes state.
type Command struct {
	// Method is the procedure's name, Caller who calls it.
	Method, Caller string
	// Key is the Idempotency-Key, or "" for a command that runs every time it
	// comes.
	Key string
	// RequestHash tells requests apart that came with the same key.
	RequestHash [32]byte
	// Timeout bounds the command with all its reruns; 0 means
	// [bus.DefaultTimeout].
	Timeout time.Duration
	// Correlation and Causation are what its events name as their causes;
	// empty means the key, or a new id.
	Correlation, Causation string
}

// ErrKeyReused means that the command's key was used before, by the same
// caller for the same method, with another request.
var ErrKeyReused = errors.New("the idempotency key was used for another request")

// ErrUnavailable means that the database failed, or that other transactions
// were in the way for too long. The command had no effect and may be sent
// again.
var ErrUnavailable = errors.New("the database is unavailable")

// Command runs a command in a transaction of its own and returns the response
// that run gave. With a key, the response is stored in the same transaction;
// for 24 hours the same command gets it without running again, replayed. Of
// two that come at the same time one runs, the other waits. A command that
// fails stores nothing.
//
// run may be called more than once after conflicts, and must touch nothing but
// its transaction. The error is run's own, or one that matches [ErrKeyReused],
// [database.ErrCommitUnknown], [ErrUnavailable], or the cause of ctx's end.
func (s *Store) Command(
	ctx context.Context, c Command, run func(ctx context.Context, t *Tx) ([]byte, error),
) (response []byte, replayed bool, err error) {
	if InTx(ctx) {
		return nil, false, fmt.Errorf("command %s: called from inside a transaction, which could wait for itself; publish an event instead", c.Method)
	}
	if c.Timeout == 0 {
		c.Timeout = bus.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		return nil, false, err
	}
	for conflicts := 1; ; conflicts++ {
		call := call{Command: c, s: s, run: run, now: database.Now()}
		response, replayed, err = call.transaction(ctx)
		if err == nil || !call.conflict || conflicts > maxConflicts || pause(ctx, conflicts) != nil {
			return response, replayed, err
		}
	}
}

// A call is one transaction of a command.
type call struct {
	Command
	s        *Store
	run      func(ctx context.Context, t *Tx) ([]byte, error)
	now      time.Time
	conflict bool // it may succeed when it runs again
}

func (c *call) transaction(ctx context.Context) (response []byte, replayed bool, err error) {
	today, err := outbox.Prepare(ctx, c.s.db, c.now)
	if err != nil {
		return nil, false, err
	}
	u, err := c.s.db.Begin(ctx, database.Foreground)
	if err != nil {
		return nil, false, c.fail(err)
	}
	defer u.Rollback()
	c.s.hooks.Step(ctx, bus.CommandOpened)
	if c.Key != "" {
		response, replayed, err = c.reserve(ctx, u)
		if replayed || err != nil {
			return response, replayed, c.fail(err)
		}
	}
	c.s.hooks.Step(ctx, bus.CommandReserved)
	response, out, err := c.handle(ctx, u)
	if err != nil {
		return nil, false, err
	}
	c.s.hooks.Step(ctx, bus.CommandHandled)
	if err := c.finish(ctx, u, today, response, out); err != nil {
		return nil, false, c.fail(err)
	}
	return response, false, nil
}

// fail notes whether the command may run again after an error of the database.
func (c *call) fail(err error) error {
	if err == nil {
		return nil
	}
	fault := c.s.db.Classify(err)
	c.conflict = fault == database.Conflict
	if fault == database.Refused || errors.Is(err, database.ErrCommitUnknown) || isContext(err) {
		return fmt.Errorf("command %s: %w", c.Method, err)
	}
	return fmt.Errorf("command %s: %w: %w", c.Method, ErrUnavailable, err)
}

func isContext(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// reserve takes the key, or returns the stored response. While another
// transaction has the key it waits for its end.
func (c *call) reserve(ctx context.Context, u *database.Unit) (response []byte, replayed bool, err error) {
	taken, err := database.Changed(ctx, u, `INSERT INTO pl_command AS c (method, caller, key, request_hash, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (method, caller, key) DO UPDATE
		SET request_hash = excluded.request_hash, response = NULL, created_at = excluded.created_at
		WHERE c.created_at < $6`,
		c.Method, c.Caller, c.Key, c.RequestHash[:], c.now, c.now.Add(-database.CommandMemory))
	if err != nil || taken == 1 {
		return nil, false, err
	}
	var hash sql.RawBytes
	same := false
	err = database.Each(ctx, u, `SELECT request_hash, response FROM pl_command WHERE method = $1 AND caller = $2 AND key = $3`,
		[]any{c.Method, c.Caller, c.Key}, func(rows *sql.Rows) error {
			err := rows.Scan(&hash, &response)
			same = string(hash) == string(c.RequestHash[:])
			return err
		})
	if err == nil && !same {
		return nil, false, ErrKeyReused
	}
	return response, err == nil, err
}

// handle runs the command's handler.
func (c *call) handle(ctx context.Context, u *database.Unit) (response []byte, out []outbox.Event, err error) {
	t := &Tx{ctx: ctx, u: u, store: c.s, now: c.now, name: c.Method, cause: c.cause()}
	detach := context.AfterFunc(ctx, u.Rollback)
	err = bus.Contain(func() error {
		response, err = c.run(withTx(ctx), t)
		return err
	})
	detach()
	out, failed := t.end()
	switch {
	case ctx.Err() != nil:
		return nil, nil, c.fail(errors.Join(context.Cause(ctx), err))
	case failed != nil && c.s.db.Classify(failed) != database.Refused:
		return nil, nil, c.fail(failed)
	case err != nil:
		return nil, nil, err
	case failed != nil:
		return nil, nil, c.fail(failed)
	}
	return response, out, nil
}

func (c *call) cause() cause {
	id := c.Key
	if id == "" {
		id = event.NewID()
	}
	return cause{correlation: cmp.Or(c.Correlation, id), causation: cmp.Or(c.Causation, id)}
}

// finish stores the response and what was published, and commits.
func (c *call) finish(ctx context.Context, u *database.Unit, today database.Day, response []byte, out []outbox.Event) error {
	if c.Key != "" {
		if response == nil {
			response = []byte{}
		}
		if _, err := u.ExecContext(ctx, `UPDATE pl_command SET response = $4 WHERE method = $1 AND caller = $2 AND key = $3`,
			c.Method, c.Caller, c.Key, response); err != nil {
			return fmt.Errorf("store the response: %w", err)
		}
	}
	if err := outbox.Insert(ctx, c.s.db, u, today, out); err != nil {
		return err
	}
	if err := u.Flush(ctx); err != nil {
		return err
	}
	c.s.hooks.Step(ctx, bus.CommandStored)
	if err := u.Commit(); err != nil {
		return err
	}
	c.s.hooks.Step(ctx, bus.CommandCommitted)
	if len(out) > 0 {
		c.s.db.Ring()
	}
	return nil
}
