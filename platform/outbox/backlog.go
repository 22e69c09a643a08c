package outbox

import (
	"context"
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
	newest := int64(0)
	left, err := database.Scan(ctx, db.Reading(), lastUnpublished, nil, &newest)
	for ctx.Err() == nil {
		switch {
		case err == nil && !left:
			return nil
		case newest == 0: // it could not be read
			left, err = database.Scan(ctx, db.Reading(), lastUnpublished, nil, &newest)
		default:
			var one int64
			left, err = database.Scan(ctx, db.Reading(), anyUnpublished, []any{newest}, &one)
		}
		if left || err != nil {
			database.Await(ctx, nil, flushPoll)
		}
	}
	return unflushed(ctx, db)
}

// What Flushed looks for: the last of the events, and then whether there is one
// at all, which costs the same however many there are.
const (
	lastUnpublished = `SELECT max(seq) FROM pl_outbox WHERE published_at IS NULL HAVING count(*) > 0`
	anyUnpublished  = `SELECT seq FROM pl_outbox WHERE published_at IS NULL AND seq <= $1 LIMIT 1`
)

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
