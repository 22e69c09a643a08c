package tx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// A Database is the database of one context. It is safe for concurrent use.
type Database struct {
	dialect     Dialect
	traits      Traits
	write, read *sql.DB
	turns       *turns
	days        days
	bell        bell
}

// NewDatabase returns the database behind two connection pools, which it owns
// from now on. Connections of read need not be able to write. For a dialect
// with a single writer, write has one connection.
func NewDatabase(d Dialect, write, read *sql.DB) *Database {
	db := &Database{dialect: d, traits: d.Traits(), write: write, read: read}
	if db.traits.SingleWriter {
		db.turns = new(turns)
	}
	return db
}

// Dialect returns Ent's name of the dialect: sqlite3 or postgres.
func (db *Database) Dialect() string { return db.traits.Name }

// Ping fails when the database cannot be reached.
func (db *Database) Ping(ctx context.Context) error {
	if err := db.read.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Close closes all connections, and the dialect when it is an io.Closer.
// Transactions in flight are rolled back by the engine.
func (db *Database) Close() error {
	err := errors.Join(db.read.Close(), db.write.Close())
	if c, ok := db.dialect.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// inTx runs f in a transaction of the platform's own and commits it. As on
// every engine, the transaction waits for its turn.
func (db *Database) inTx(ctx context.Context, f func(u *unit) error) error {
	u, err := db.begin(ctx, background)
	if err != nil {
		return err
	}
	defer u.rollback()
	if err := f(u); err != nil {
		return err
	}
	return u.commit()
}
