package tx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A Tx is the open transaction of one delivery or command, as its handler
// uses it. It ends when the handler returns or its time is up; every later use
// fails with an error that matches [database.ErrOver]. After a statement has failed,
// every other use fails too, and so does the delivery or command, whatever the
// handler returns. A Tx may be used by several goroutines; their statements
// run one after another.
type Tx struct {
	ctx   context.Context // ends with the handler's time
	u     *database.Unit
	store *Store
	now   time.Time
	cause cause
	name  string // of the consumer or method, for errors
	queue bool   // whether statements whose result nobody needs may wait
	index int    // of the delivery in its transaction, which owns those

	mu     sync.Mutex
	used   bool // a statement was run
	over   bool
	failed error     // of the first statement or publish that failed
	rows   *sql.Rows // of the last query
	out    []outbox.Event
}

// A cause is what the events of a transaction are caused by.
type cause struct{ correlation, causation string }

// NewID returns a new id, a UUID of version 7 as text. A handler that runs
// again gets other ids.
func (*Tx) NewID() string { return event.NewID() }

// Now returns the time of the delivery or command: UTC, in microseconds, the
// same for the whole run of the handler. It is the time of its events.
func (t *Tx) Now() time.Time { return t.now }

// Conn returns the open transaction for statements of the handler's own.
func (t *Tx) Conn() database.Conn { return txConn{t} }

// Dialect returns Ent's name of the database's dialect.
func (t *Tx) Dialect() string { return t.store.db.Dialect() }

// end is called when the handler has returned. It returns what the handler
// published, and why the transaction must not be committed.
func (t *Tx) end() ([]outbox.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.rows != nil {
		_ = t.rows.Close() // the handler may have left them open
	}
	if t.failed == nil {
		t.failed = t.rowsFailed()
	}
	return t.out, t.failed
}

// clean reports whether the transaction is as it was before the handler.
func (t *Tx) clean() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.used
}

// usable reports why the transaction cannot be used. t.mu is held.
func (t *Tx) usable() error {
	if t.over || t.ctx.Err() != nil || t.u.Ended() {
		return fmt.Errorf("%s: %w: its handler has returned or has run out of time; use it only inside the handler", t.name, database.ErrOver)
	}
	if t.failed != nil {
		return fmt.Errorf("%s: the transaction cannot go on after an error, which the handler should have returned: %w", t.name, t.failed)
	}
	return nil
}

// txConn is a Tx as a [Conn].
type txConn struct{ t *Tx }

func (c txConn) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = c.t.statement(query, func() error {
		res, err = c.t.u.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

func (c txConn) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = c.t.statement(query, func() error {
		rows, err = c.t.u.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the handler reads and closes them; end looks after both
		c.t.rows = rows
		return err
	})
	return rows, err
}

// QueueContext runs a statement whose result nobody needs. In a batch it may
// be sent with others; its failure then fails the delivery later.
func (c txConn) QueueContext(ctx context.Context, query string, args ...any) error {
	return c.t.statement(query, func() error {
		if c.t.queue {
			return c.t.u.Queue(ctx, c.t.index, query, args...)
		}
		_, err := c.t.u.ExecContext(ctx, query, args...)
		return err
	})
}

// statement runs one statement. Its failure poisons the transaction on every
// engine, because it does on PostgreSQL.
func (t *Tx) statement(query string, run func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	err := managesTransaction(query)
	if err == nil {
		err = t.rowsClosed()
	}
	if err == nil {
		t.used = true
		err = run()
	}
	t.failed = err
	return err
}

// rowsClosed keeps SQLite from being kinder than PostgreSQL, which runs one
// statement at a time.
func (t *Tx) rowsClosed() error {
	if t.rows == nil {
		return nil
	}
	if _, err := t.rows.Columns(); err == nil {
		return errors.New("the rows of the query before are still open; read them to the end or close them first")
	}
	return t.rowsFailed()
}

// rowsFailed returns the error that a query gave after its first rows, which
// the handler may have dropped. The end of a context is left to the engine: it
// may have come after the last row.
func (t *Tx) rowsFailed() error {
	if t.rows == nil || isContext(t.rows.Err()) {
		return nil
	}
	return t.rows.Err()
}

// errControl is the cause of refused statements.
var errControl = errors.New("a handler cannot begin, end or split its transaction; return nil to commit and an error to roll back")

var controlWords = map[string]bool{
	"BEGIN": true, "START": true, "COMMIT": true, "END": true, "ABORT": true,
	"ROLLBACK": true, "SAVEPOINT": true, "RELEASE": true, "PREPARE": true,
}

func managesTransaction(query string) error {
	query = strings.TrimLeft(query, " \t\r\n;")
	word := query
	if i := strings.IndexAny(query, " \t\r\n;"); i >= 0 {
		word = query[:i]
	}
	if len(word) <= len("SAVEPOINT") && controlWords[strings.ToUpper(word)] {
		return errControl
	}
	return nil
}

type inTxKey struct{}

// InTx reports whether ctx belongs to a handler with an open [Tx]. Generated
// clients refuse to call from there: the call could wait for the very rows
// that the transaction has locked.
func InTx(ctx context.Context) bool { return ctx.Value(inTxKey{}) != nil }

func withTx(ctx context.Context) context.Context {
	return context.WithValue(ctx, inTxKey{}, true)
}
