package hold

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// Update writes what has become of a row after it has run. It fails with
// [ErrChanged] when the row is no longer as it was read.
func (o Owner) Update(ctx context.Context, c database.Conn, r *Row) error {
	n, err := database.Changed(ctx, c, `UPDATE pl_hold SET blocks = $6, state = $7, next_at = $8, attempts = $9,
			cause = $10, signature = $11, first_failed_at = $12, last_failed_at = $13, version = version + 1
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4 AND version = $5`,
		o.args(r.Offset, r.Version, r.Blocks, string(r.State), orNull(r.NextAt), r.Attempts,
			r.Cause, r.Signature, orNull(r.FirstFailedAt), orNull(r.LastFailedAt))...)
	if err != nil {
		return fmt.Errorf("write held delivery %s: %w", r.ID, err)
	}
	if n != 1 {
		return fmt.Errorf("write held delivery %s: %w", r.ID, ErrChanged)
	}
	return nil
}

// Delete takes rows out of the hold. It fails with [ErrChanged] when one of
// them is no longer as it was read.
func (o Owner) Delete(ctx context.Context, c database.Conn, rows []*Row) error {
	if len(rows) == 0 {
		return nil
	}
	offsets, versions := make([]int64, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		offsets[i], versions[i] = r.Offset, r.Version
	}
	// The offsets alone are what an index is searched with.
	among, args := o.DB.Among(4, offsets)
	pairs, more := o.DB.Rows(4+len(args), offsets, versions)
	n, err := database.Changed(ctx, c, `DELETE FROM pl_hold WHERE consumer = $1 AND topic = $2 AND partition = $3
		AND record_offset `+among+` AND (record_offset, version) IN (`+pairs+`)`, o.args(append(args, more...)...)...)
	if err != nil {
		return fmt.Errorf("take deliveries out of the hold: %w", err)
	}
	if n != int64(len(rows)) {
		return fmt.Errorf("take %d deliveries out of the hold, of which %d are there: %w", len(rows), n, ErrChanged)
	}
	return nil
}

// Release makes the first row that is left of each key due at now. One that a
// person has parked stays where it is.
func (o Owner) Release(ctx context.Context, c database.Conn, keys [][]byte, now time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	firsts, err := o.firsts(ctx, c, keys)
	if err == nil && len(firsts) > 0 {
		among, args := o.DB.Among(7, firsts)
		_, err = c.ExecContext(ctx, `UPDATE pl_hold SET next_at = $4
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND state = 'held' AND next_at IS NULL
			AND record_offset BETWEEN $5 AND $6 AND record_offset `+among,
			append(o.args(now, slices.Min(firsts), slices.Max(firsts)), args...)...)
	}
	if err != nil {
		return fmt.Errorf("release held deliveries: %w", err)
	}
	return nil
}

// firsts returns the offset of the first row of each key. It is a query of its
// own: a planner that knows little of the table joins it the slow way.
func (o Owner) firsts(ctx context.Context, c database.Conn, keys [][]byte) (offsets []int64, err error) {
	among, args := o.DB.Among(4, keyHashes(keys))
	same, more := o.DB.Among(4+len(args), keys)
	err = database.Each(ctx, c, `SELECT min(record_offset) FROM pl_hold
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND blocks AND key_hash `+among+` AND key `+same+` GROUP BY key`,
		o.args(append(args, more...)...), func(rows *sql.Rows) error {
			var offset int64
			err := rows.Scan(&offset)
			offsets = append(offsets, offset)
			return err
		})
	return offsets, err
}

// Queue makes rows wait behind others of their keys, unless they have changed.
func (o Owner) Queue(ctx context.Context, c database.Conn, rows []*Row) error {
	for _, r := range rows {
		_, err := c.ExecContext(ctx, `UPDATE pl_hold SET next_at = NULL
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4 AND version = $5 AND state = 'held'`,
			o.args(r.Offset, r.Version)...)
		if err != nil {
			return fmt.Errorf("queue held delivery %s: %w", r.ID, err)
		}
	}
	return nil
}

// Dropped records that drops were carried out.
func (o Owner) Dropped(ctx context.Context, c database.Conn, rows []*Row) error {
	list := make([]Row, len(rows))
	for i, r := range rows {
		list[i] = *r
	}
	return audit(ctx, o.DB, c, "dropped", list, Author{Actor: owner, Reason: "a person has dropped it"})
}
