package tx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// A Reader reads the context's database. It sees one state of it for the whole
// run of the query handler and cannot write. It ends when the handler returns;
// every later use fails with an error that matches [database.ErrOver].
type Reader struct {
	db  *database.DB
	u   *database.Unit
	now time.Time
}

// Conn returns the connection for queries. Statements that write fail.
func (r *Reader) Conn() database.Conn { return readConn{r.u} }

// Dialect returns Ent's name of the database's dialect.
func (r *Reader) Dialect() string { return r.db.Dialect() }

// Now returns the time of the query: UTC, in microseconds, the same for the
// whole run.
func (r *Reader) Now() time.Time { return r.now }

type readConn struct{ u *database.Unit }

func (c readConn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := managesTransaction(query); err != nil {
		return nil, err
	}
	return c.u.ExecContext(ctx, query, args...)
}

func (c readConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := managesTransaction(query); err != nil {
		return nil, err
	}
	return c.u.QueryContext(ctx, query, args...)
}

// Read runs a query handler over a connection that cannot write. It does not
// wait for commands or batches, and ends after [bus.DefaultTimeout] at the
// latest: connections for reading are few, and a handler that calls another
// context keeps one meanwhile.
func (s *Store) Read(ctx context.Context, run func(ctx context.Context, r *Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, bus.DefaultTimeout)
	defer cancel()
	u, err := s.db.BeginRead(ctx)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	defer u.Rollback()
	defer context.AfterFunc(ctx, u.Rollback)()
	err = run(ctx, &Reader{db: s.db, u: u, now: database.Now()})
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return err
}
