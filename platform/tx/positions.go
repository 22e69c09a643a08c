package tx

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// Positions returns where every consumer of a database is, in no particular
// order. The claims are copies: they give no right to move a position.
func Positions(ctx context.Context, db *database.DB) ([]bus.Claim, error) {
	var claims []bus.Claim
	err := database.Each(ctx, db.Reading(), `SELECT consumer, topic, partition, epoch, next_offset FROM pl_consumer_partition`, nil,
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
