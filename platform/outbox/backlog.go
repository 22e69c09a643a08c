package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	newest, left := int64(math.MaxInt64), int64(0)
	for ctx.Err() == nil {
		_, err := database.Scan(ctx, db.Reading(), `SELECT count(*), coalesce(max(seq), 0) FROM pl_outbox
			WHERE published_at IS NULL AND seq <= $1`, []any{newest}, &left, &newest)
		if err == nil && left == 0 {
			return nil
		}
		database.Await(ctx, nil, flushPoll)
	}
	return unflushed(ctx, db)
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
