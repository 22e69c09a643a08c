package database

import (
	"context"
	"errors"
	"fmt"
)

// A TableChange counts the rows of one table that a transaction has changed in
// one way.
type TableChange struct {
	// Action is "insert", "update" or "delete".
	Action, Table string
	Rows          int64
}

// A Watcher is a [Dialect] that can say what a transaction has changed.
type Watcher interface {
	// Watch begins to count, in the transaction that is open on c and will be
	// rolled back. changed returns what has changed since, by table and action,
	// in order and without the platform's own tables.
	Watch(ctx context.Context, c Conn) (changed func(context.Context) ([]TableChange, error), err error)
}

// Watch begins to count what the transaction u changes, which has to be rolled
// back in the end. changed returns the counts; it leaves out the platform's own
// tables. The error matches [errors.ErrUnsupported] when the engine cannot.
func (db *DB) Watch(ctx context.Context, u *Unit) (changed func(context.Context) ([]TableChange, error), err error) {
	w, ok := db.dialect.(Watcher)
	if !ok {
		return nil, fmt.Errorf("count the changes of a transaction on %s: %w", db.traits.Name, errors.ErrUnsupported)
	}
	if changed, err = w.Watch(ctx, u); err != nil {
		return nil, fmt.Errorf("watch a transaction: %w", err)
	}
	return changed, nil
}
