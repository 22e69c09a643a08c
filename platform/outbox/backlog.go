package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// flushPoll is how often Flushed looks.
const flushPoll = 10 * time.Millisecond

// Unpublished returns how many events in the outbox the broker does not have
// yet, as far as the outbox knows.
func Unpublished(ctx context.Context, db *database.DB) (n int64, err error) {
	_, err = database.Scan(ctx, db.Reading(), `SELECT count(*) FROM pl_outbox WHERE published_at IS NULL`, nil, &n)
	if err != nil {
		return 0, fmt.Errorf("count unpublished events: %w", err)
	}
	return n, nil
}

// Flushed waits until the events that are in the outbox now are published; it
// publishes none itself. Later ones, which other processes may go on writing,
// do not count. When ctx ends first, the error says how many are left.
func Flushed(ctx context.Context, db *database.DB) error {
	left, err := backlogs(ctx, db)
	for err != nil && ctx.Err() == nil {
		database.Await(ctx, nil, flushPoll)
		left, err = backlogs(ctx, db)
	}
	for len(left) > 0 && ctx.Err() == nil {
		if left[0].gone(ctx, db) {
			left = left[1:]
			continue
		}
		database.Await(ctx, nil, flushPoll)
	}
	if err == nil && len(left) == 0 {
		return nil
	}
	return unflushed(ctx, db)
}

// A backlog is what a shard has to publish: the first and the last sequence.
type backlog struct {
	shard       int
	first, last int64
}

func backlogs(ctx context.Context, db *database.DB) (all []backlog, err error) {
	err = database.Each(ctx, db.Reading(), `SELECT shard, min(seq), max(seq) FROM pl_outbox WHERE published_at IS NULL GROUP BY shard`, nil,
		func(rows *sql.Rows) error {
			var b backlog
			err := rows.Scan(&b.shard, &b.first, &b.last)
			all = append(all, b)
			return err
		})
	return all, err
}

// gone reports whether all of it is published. It looks no further than the
// first that is not, and from there the next time: in front of it the index may
// have a million entries of published ones, until it is vacuumed.
func (b *backlog) gone(ctx context.Context, db *database.DB) bool {
	left, err := database.Scan(ctx, db.Reading(), `SELECT seq FROM pl_outbox
		WHERE shard = $1 AND published_at IS NULL AND seq BETWEEN $2 AND $3 ORDER BY seq LIMIT 1`,
		[]any{b.shard, b.first, b.last}, &b.first)
	return err == nil && !left
}

// unflushed looks once more when there was no time left to wait.
func unflushed(ctx context.Context, db *database.DB) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	left, err := Unpublished(last, db)
	switch {
	case err != nil:
		return errors.Join(context.Cause(ctx), err)
	case left == 0:
		return nil
	}
	return fmt.Errorf("%d events stay in the outbox until the next start: %w", left, context.Cause(ctx))
}
