// Package entdriver lets an Ent client work in a transaction of package tx.
package entdriver

import (
	"context"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/pulselearn/campus-hub/platform/database"
)

// New returns a driver whose statements run on c, which is the Conn of a
// [tx.Tx] or a [tx.Reader]. dialectName is that of [database.DB.Dialect].
//
// The transaction is begun and ended by package tx: a transaction begun
// through the driver is the open one, and its Commit and Rollback, like Close,
// do nothing. An error inside such a transaction fails the whole of it.
func New(c database.Conn, dialectName string) dialect.Driver {
	queue, _ := c.(queuer)
	return driver{entsql.NewDriver(dialectName, entsql.Conn{ExecQuerier: c}), queue}
}

// A queuer sends statements whose result nobody needs together with others.
type queuer interface {
	QueueContext(ctx context.Context, query string, args ...any) error
}

type driver struct {
	*entsql.Driver
	queue queuer // nil when every statement is sent at once
}

// Exec runs a statement. Ent gives no place for the result of inserts of rows
// that have an id.
func (d driver) Exec(ctx context.Context, query string, args, v any) error {
	if values, ok := args.([]any); ok && v == nil && d.queue != nil {
		return d.queue.QueueContext(ctx, query, values...)
	}
	return d.Driver.Exec(ctx, query, args, v)
}

// Tx returns the open transaction.
func (d driver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

// BeginTx returns the open transaction. Ent calls it when it is given options,
// which are those of package tx.
func (d driver) BeginTx(context.Context, *entsql.TxOptions) (dialect.Tx, error) {
	return dialect.NopTx(d), nil
}

// Close does nothing.
func (driver) Close() error { return nil }
