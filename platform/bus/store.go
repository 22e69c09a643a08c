package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// ErrClaimLost is returned by a [Store] whose claim is no longer the newest
// one of its position: another member owns the partition now, or the outcome
// of a commit made the claim stale.
var ErrClaimLost = errors.New("claim on the partition is lost: another member owns the position now")

// A Position names one consumer's place in one partition.
type Position struct {
	Consumer  string
	Topic     string
	Partition int32
}

// String returns the position as it appears in logs: consumer topic/partition.
func (p Position) String() string {
	return fmt.Sprintf("%s %s/%d", p.Consumer, p.Topic, p.Partition)
}

// A Claim is the right to move a position. A newer claim on the same position
// has a higher epoch and fences all older ones.
type Claim struct {
	Position
	Epoch int64
	// Next is the offset of the next record to apply. It is [driver.Earliest]
	// or [driver.Latest], as the route says, when the consumer has no position
	// yet.
	Next int64
}

// A Store keeps positions and applies deliveries in transactions of its own.
// It is safe for concurrent use. Calls under one claim never overlap; a call
// under an older claim of the same position may still be running when its
// handler does not return, and the fence is what stops it.
type Store interface {
	// Claim takes over the position of r in a partition: it raises the epoch,
	// waiting for transactions in flight under an older one, and returns where
	// to go on.
	Claim(ctx context.Context, r *Route, partition int32) (Claim, error)
	// Move sets the position to next without applying anything, under the
	// claim, and sets c.Next. It settles where Earliest and Latest are, and
	// where to go on after the broker has lost records; next may be lower than
	// c.Next. It returns ErrClaimLost like Apply.
	Move(ctx context.Context, c *Claim, next int64) error
	// Apply runs the handlers of the deliveries in order, in transactions
	// under the claim, and returns how many at the front are committed. It
	// advances c.Next past those, to the offset after the last of them. It
	// bounds each delivery by the route's timeout and contains panics with
	// [Contain]. A delivery whose Err is set fails with that error.
	//
	// The error is nil when all are committed, a *[DeliveryError] when the
	// handler of a delivery failed, [ErrClaimLost] when the fence did not hold,
	// and anything else when the database failed or the outcome of a commit is
	// unknown; the router then claims again and reads the position.
	Apply(ctx context.Context, c *Claim, batch []*Delivery) (done int, err error)
}

// A Decoder turns records into deliveries. It is safe for concurrent use.
type Decoder interface {
	// Decode fills d.Event and d.Message from rec, or d.Err when the record
	// can never be decoded. It returns an error only when the registry cannot
	// be reached: the router waits and calls it again.
	Decode(ctx context.Context, r *Route, rec *driver.Record, d *Delivery) error
}

// A DeliveryError says which delivery of a batch failed.
type DeliveryError struct {
	// Index is the delivery's place in the batch given to [Store.Apply]. All
	// before it are committed, so it equals Apply's done.
	Index int
	// Err is the handler's error, or the delivery's own Err.
	Err error
}

// Error returns the index and the cause.
func (e *DeliveryError) Error() string {
	return fmt.Sprintf("delivery %d of the batch: %v", e.Index, e.Err)
}

// Unwrap returns Err.
func (e *DeliveryError) Unwrap() error { return e.Err }
