package tx

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// flushPoll is how often Flushed looks.
const flushPoll = 10 * time.Millisecond

// Unpublished returns how many events in the outbox the broker does not have
// yet, as far as the outbox knows.
func (db *Database) Unpublished(ctx context.Context) (n int64, err error) {
	_, err = scan(ctx, db.read, `SELECT count(*) FROM pl_outbox WHERE published_at IS NULL`, nil, &n)
	if err != nil {
		return 0, fmt.Errorf("count unpublished events: %w", err)
	}
	return n, nil
}

// Flushed waits until the events that are in the outbox now are published; it
// publishes none itself. Later ones, which other processes may go on writing,
// do not count. When ctx ends first, the error says how many are left.
func (db *Database) Flushed(ctx context.Context) error {
	newest, left := int64(math.MaxInt64), int64(0)
	for {
		_, err := scan(ctx, db.read, `SELECT count(*), coalesce(max(seq), 0) FROM pl_outbox
			WHERE published_at IS NULL AND seq <= $1`, []any{newest}, &left, &newest)
		if err == nil && left == 0 {
			return nil
		}
		await(ctx, nil, flushPoll)
		if ctx.Err() != nil {
			return fmt.Errorf("%d events stay in the outbox until the next start: %w", left, context.Cause(ctx))
		}
	}
}

// Positions returns where every consumer of this database is, in no particular
// order. The claims are copies: they give no right to move a position.
func (db *Database) Positions(ctx context.Context) ([]bus.Claim, error) {
	var claims []bus.Claim
	err := each(ctx, db.read, `SELECT consumer, topic, partition, epoch, next_offset FROM pl_consumer_partition`, nil,
		func(rows *sql.Rows) error {
			var c bus.Claim
			err := rows.Scan(&c.Consumer, &c.Topic, &c.Partition, &c.Epoch, &c.Next)
			claims = append(claims, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read the consumers' positions: %w", err)
	}
	return claims, nil
}
