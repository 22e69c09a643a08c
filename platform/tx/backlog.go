package tx

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// Unpublished returns how many events in the outbox the broker does not have
// yet, as far as the outbox knows.
func (db *Database) Unpublished(ctx context.Context) (n int64, err error) {
	_, err = scan(ctx, db.read, `SELECT count(*) FROM pl_outbox WHERE published_at IS NULL`, nil, &n)
	if err != nil {
		return 0, fmt.Errorf("count unpublished events: %w", err)
	}
	return n, nil
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
