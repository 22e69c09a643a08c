package database

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// endTimeout bounds COMMIT and ROLLBACK, which do not depend on the caller's
// context: a commit that is cut short has an unknown outcome.
const endTimeout = 10 * time.Second

// ErrOver is matched by the error of every use of a transaction after its
// end: its handler has returned or has run out of time.
var ErrOver = errors.New("the transaction is over")

// ErrCommitUnknown means that the connection failed during COMMIT: the
// transaction may have taken effect or not. A command is to be sent again with
// the same key; a batch is claimed and read again.
var ErrCommitUnknown = errors.New("the outcome of the commit is unknown")

// A Unit is one open transaction and the connection that it has to itself. It
// ends once, by commit or by rollback, whichever comes first.
type Unit struct {
	db     *DB
	conn   *sql.Conn
	leave  func()
	ctx    context.Context // ends with the transaction
	cancel context.CancelCauseFunc

	mu     sync.Mutex // held during each statement
	over   bool
	begun  bool  // the engine knows of the transaction
	failed error // why it does not, although it was told
	queue  []Statement
}

// Begin waits for the writer and a connection and begins a transaction. An
// engine that cannot be reached is noticed by its first statement at the latest.
func (db *DB) Begin(ctx context.Context, c Class) (*Unit, error) {
	return db.begin(ctx, c, db.traits.Begin)
}

func (db *DB) begin(ctx context.Context, c Class, statements []string) (*Unit, error) {
	leave, err := db.turns.take(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("wait for the database's writer: %w", err)
	}
	return db.open(ctx, db.write, statements, leave)
}

// BeginRead begins a transaction that cannot write.
func (db *DB) BeginRead(ctx context.Context) (*Unit, error) {
	return db.open(ctx, db.read, []string{db.traits.BeginRead}, func() {})
}

func (db *DB) open(ctx context.Context, pool *sql.DB, begin []string, leave func()) (*Unit, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		leave()
		return nil, fmt.Errorf("get a database connection: %w", err)
	}
	u := &Unit{db: db, conn: conn, leave: leave}
	u.ctx, u.cancel = context.WithCancelCause(context.Background())
	if db.traits.BeginsLate && pool == db.write {
		for _, statement := range begin {
			u.queue = append(u.queue, Statement{Query: statement, owner: Nobody})
		}
		return u, nil
	}
	u.begun = true
	if _, err := conn.ExecContext(ctx, strings.Join(begin, "; ")); err != nil {
		u.over = true
		u.release(err)
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	return u, nil
}

// bound returns ctx limited by the life of the transaction. stop detaches it
// again.
func (u *Unit) bound(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(u.ctx, func() { cancel(context.Cause(u.ctx)) })
	return ctx, func() { detach(); cancel(nil) }
}

// usable reports why statements cannot be run. u.mu is held.
func (u *Unit) usable() error {
	if u.over {
		return ErrOver
	}
	return u.failed
}

// ExecContext runs a statement in the transaction.
func (u *Unit) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.usable(); err != nil {
		return nil, err
	}
	if len(u.queue) > 0 && len(args) > 0 { // one without arguments may be several
		changed, err := u.flush(ctx, Statement{Query: query, Args: args, owner: Nobody})
		return sqldriver.RowsAffected(changed), err
	}
	if _, err := u.flush(ctx); err != nil {
		return nil, err
	}
	ctx, stop := u.bound(ctx)
	defer stop()
	return u.conn.ExecContext(ctx, query, args...)
}

// QueryContext runs a query in the transaction. Its rows end with the
// transaction.
func (u *Unit) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.usable(); err != nil {
		return nil, err
	}
	if _, err := u.flush(ctx); err != nil {
		return nil, err
	}
	ctx, stop := u.bound(ctx)
	rows, err := u.conn.QueryContext(ctx, query, args...) //nolint:sqlclosecheck // the caller closes them
	if err != nil {
		stop()
	}
	return rows, err
}

// Now returns the time as transactions see it: UTC, in microseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Changed runs a statement and returns how many rows it changed.
func Changed(ctx context.Context, c Conn, query string, args ...any) (int64, error) {
	res, err := c.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Scan runs a query and reads its first row into dest, or reports that there
// is none.
func Scan(ctx context.Context, c Conn, query string, args []any, dest ...any) (found bool, err error) {
	err = Each(ctx, c, query, args, func(rows *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(dest...)
	})
	return found, err
}

// Each runs a query and calls f for every row.
func Each(ctx context.Context, c Conn, query string, args []any, f func(rows *sql.Rows) error) error {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Commit ends the transaction. After an error that matches ErrCommitUnknown it
// may have taken effect; after any other it has not.
func (u *Unit) Commit() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.usable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if _, err := u.flush(ctx); err != nil {
		return err
	}
	u.over = true
	err := u.db.dialect.Commit(ctx, u.conn)
	u.release(err)
	if err != nil && u.db.dialect.Classify(err) == Unreachable && !errors.Is(err, sqldriver.ErrBadConn) {
		return fmt.Errorf("commit: %w: %w", ErrCommitUnknown, err)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Rollback ends the transaction without effect. A statement in flight is
// interrupted. After the first end it does nothing.
func (u *Unit) Rollback() {
	u.cancel(ErrOver)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	u.over = true
	if !u.begun {
		u.release(nil)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	_, err := u.conn.ExecContext(ctx, "ROLLBACK")
	u.release(err)
}

// Ended reports whether the transaction is over, for example because a
// handler's time was.
func (u *Unit) Ended() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.over
}

// release gives the connection back, or throws it away when the transaction's
// end failed on it, and then the turn.
func (u *Unit) release(err error) {
	u.cancel(ErrOver)
	if err != nil {
		_ = u.conn.Raw(func(any) error { return sqldriver.ErrBadConn })
	}
	_ = u.conn.Close()
	u.leave()
}
