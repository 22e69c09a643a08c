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
	return driver{entsql.NewDriver(dialectName, entsql.Conn{ExecQuerier: c})}
}

type driver struct{ *entsql.Driver }

// Tx returns the open transaction.
func (d driver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

// BeginTx returns the open transaction. Ent calls it when it is given options,
// which are those of package tx.
func (d driver) BeginTx(context.Context, *entsql.TxOptions) (dialect.Tx, error) {
	return dialect.NopTx(d), nil
}

// Close does nothing.
func (driver) Close() error { return nil }
