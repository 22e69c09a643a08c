package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// A DB is the database of one context. It is safe for concurrent use.
type DB struct {
	dialect     Dialect
	traits      Traits
	write, read *sql.DB
	turns       *turns
	days        days
	bell        bell
}

// New returns the database behind two connection pools, which it owns
// from now on. Connections of read need not be able to write. For a dialect
// with a single writer, write has one connection.
func New(d Dialect, write, read *sql.DB) *DB {
	db := &DB{dialect: d, traits: d.Traits(), write: write, read: read}
	if db.traits.SingleWriter {
		db.turns = new(turns)
	}
	return db
}

// Traits returns what transactions have to know about the engine.
func (db *DB) Traits() Traits { return db.traits }

// Reading returns the connections that cannot write. Each statement on it sees
// a state of its own.
func (db *DB) Reading() Conn { return db.read }

// Rows returns a SELECT of literal rows; see [Dialect].
func (db *DB) Rows(first int, columns ...any) (query string, args []any) {
	return db.dialect.Rows(first, columns...)
}

// Among returns a condition that a column is one of the values of a slice, which
// is as in [Dialect], and its arguments. Its first parameter is $<first>.
func (db *DB) Among(first int, values any) (condition string, args []any) {
	if a, ok := db.dialect.(Arrays); ok {
		return a.Among(first, values)
	}
	rows, args := db.Rows(first, values)
	return "IN (" + rows + ")", args
}

// Classify says what an error of the engine means.
func (db *DB) Classify(err error) Fault { return db.dialect.Classify(err) }

// Intercept puts a dialect in front of the database's own, which injects
// faults. It must be called before the database is used.
func (db *DB) Intercept(wrap func(Dialect) Dialect) { db.dialect = wrap(db.dialect) }

// Dialect returns Ent's name of the dialect: sqlite3 or postgres.
func (db *DB) Dialect() string { return db.traits.Name }

// Ping fails when the database cannot be reached.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.read.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Close closes all connections, and the dialect when it is an io.Closer.
// Transactions in flight are rolled back by the engine.
func (db *DB) Close() error {
	err := errors.Join(db.read.Close(), db.write.Close())
	if c, ok := db.dialect.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// InTx runs f in a transaction of the platform's own and commits it. As on
// every engine, the transaction waits for its turn. Its statements find their
// rows by an index, also in a table whose size the engine does not know yet.
func (db *DB) InTx(ctx context.Context, f func(u *Unit) error) error {
	u, err := db.begin(ctx, Background, db.traits.BeginOwn)
	if err != nil {
		return err
	}
	defer u.Rollback()
	if err := f(u); err != nil {
		return err
	}
	return u.Commit()
}
