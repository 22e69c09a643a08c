package tx

import (
	"context"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// Reset moves the position that was seen as a claim to next, an offset or
// [driver.Earliest] or [driver.Latest], and raises its epoch: whoever works
// there has lost it, commits nothing more, and claims it anew. record runs in
// the same transaction. The new claim is returned; it gives nobody the right to
// work. The error matches [bus.ErrClaimLost] when the epoch is no longer the one
// that was seen.
//
// Reset leaves the inbox and the hold as they are: an event that was applied is
// not applied again while the inbox knows it, and one that is held stays so.
func Reset(ctx context.Context, db *database.DB, seen bus.Claim, next int64, record func(u *database.Unit) error) (bus.Claim, error) {
	err := db.InTx(ctx, func(u *database.Unit) error {
		n, err := database.Changed(ctx, u, `UPDATE pl_consumer_partition SET epoch = epoch + 1, next_offset = $5
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND epoch = $4`,
			seen.Consumer, seen.Topic, seen.Partition, seen.Epoch, next)
		if err == nil && n == 0 {
			err = bus.ErrClaimLost
		}
		if err != nil {
			return err
		}
		return record(u)
	})
	if err != nil {
		return seen, fmt.Errorf("reset %s to %d: %w", seen.Position, next, err)
	}
	seen.Epoch, seen.Next = seen.Epoch+1, next
	return seen, nil
}
