package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"io/fs"
	"net"
	"time"
)

// A Conn runs statements. The one that [Tx.Conn] returns runs them in the open
// transaction.
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A Dialect is what differs between database engines. Both engines take
// parameters as $1, $2 and so on, and know INSERT ... ON CONFLICT and
// RETURNING. Implementations are safe for concurrent use.
type Dialect interface {
	Traits() Traits
	// Rows returns a SELECT of literal rows in their order, and its arguments.
	// Each column is a []int64, []string, []bool, [][]byte, []time.Time or
	// []*time.Time, all of the same length; nil bytes and times are NULL. Its
	// first parameter is $<first>, and stands in the whole query behind all
	// parameters with a lower number.
	Rows(first int, columns ...any) (query string, args []any)
	// ExecBatch runs statements in their order, in one round trip where the
	// engine can. It returns how many have succeeded, and how many rows the
	// last of those has changed; the error is that of the next.
	ExecBatch(ctx context.Context, c *sql.Conn, statements []Statement) (done int, changed int64, err error)
	// Commit commits the transaction that is open on c. An error that
	// Classify calls Unreachable leaves the outcome unknown, unless it matches
	// driver.ErrBadConn; after any other the transaction is rolled back.
	Commit(ctx context.Context, c *sql.Conn) error
	// Classify says what an error of the engine means.
	Classify(err error) Fault
	// Lock makes concurrent migrations wait until the transaction that is open
	// on c ends.
	Lock(ctx context.Context, c Conn) error
	// CreateDay prepares a partitioned table for rows of one day.
	CreateDay(ctx context.Context, c Conn, table string, day Day) error
	// DropDay removes the rows of one day, as cheaply as the engine can, and
	// reports whether all of them are gone. It is called again until they are.
	DropDay(ctx context.Context, c Conn, table string, day Day) (gone bool, err error)
}

// Arrays is a [Dialect] that takes a slice as one parameter.
type Arrays interface {
	// Among is [DB.Among]. An index on the column is searched for every value.
	Among(first int, values any) (condition string, args []any)
}

// Traits are the constants of a dialect.
type Traits struct {
	// Name is Ent's name of the dialect, and Directory the one that its
	// migrations are kept in.
	Name, Directory string
	// Platform holds the migrations of the platform's own tables.
	Platform fs.FS
	// BeginRead begins a transaction that refuses to write and sees one state
	// of the database.
	BeginRead string
	// Begin begins a transaction for writing, and BeginOwn one of the
	// platform's own, whose statements all find their rows by an index. They
	// are several statements where one is not enough.
	Begin, BeginOwn []string
	// BeginsLate says that a transaction for writing has no effect before its
	// first statement. It is then begun together with that.
	BeginsLate bool
	// SingleWriter says that the engine has one writer at a time, in one
	// process. Transactions then queue up, commands before batches.
	SingleWriter bool
	// BatchTime is how long one transaction of a batch should keep the others
	// waiting; 0 means that it keeps nobody waiting.
	BatchTime time.Duration
	// Shards is how many relays share the outbox, and Poll how often each
	// looks for rows that nobody told it about.
	Shards int
	Poll   time.Duration
}

// A Fault is what an error of the engine means.
type Fault int

const (
	// Refused means that the statement is wrong or violates a constraint; the
	// same statement fails again.
	Refused Fault = iota
	// Conflict means that another transaction was in the way: a deadlock or a
	// serialization failure. The same work may succeed when it runs again.
	Conflict
	// Unreachable means that the connection or the engine failed. At commit
	// the outcome is then unknown.
	Unreachable
	// Canceled means that the engine gave a statement up, because of a limit
	// on its time or because somebody asked for that. The transaction has
	// failed, the connection has not; the same statement may succeed later.
	Canceled
)

// ClassifyStandard is [Dialect.Classify] for errors that do not come from the
// engine: those of the network and of database/sql.
func ClassifyStandard(err error) Fault {
	var network net.Error // also context.DeadlineExceeded
	switch {
	case errors.As(err, &network),
		errors.Is(err, context.Canceled), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return Unreachable
	}
	return Refused
}

// A Day is a day of UTC as the number YYYYMMDD.
type Day int64

// DayOf returns the day that t is in.
func DayOf(t time.Time) Day {
	y, m, d := t.UTC().Date()
	return Day(y*10000 + int(m)*100 + d)
}

// Time returns the day's first instant.
func (d Day) Time() time.Time {
	return time.Date(int(d/10000), time.Month(d/100%100), int(d%100), 0, 0, 0, 0, time.UTC)
}

// Next returns the day after d.
func (d Day) Next() Day { return DayOf(d.Time().AddDate(0, 0, 1)) }
