package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// ErrPaused is matched by the error of a [Store] that takes no fresh
// deliveries for the time being, and by [Plan.Paused]. [ErrHoldFull] and
// [ErrOutage] say why.
var ErrPaused = errors.New("the partition is paused")

// Why a position is paused. Both match [ErrPaused].
var (
	// ErrHoldFull means that more deliveries wait in the hold than the route
	// allows.
	ErrHoldFull = fmt.Errorf("%w: too many deliveries are held", ErrPaused)
	// ErrOutage means that nearly everything fails, as it does when something
	// that the handler needs is down.
	ErrOutage = fmt.Errorf("%w: one delivery after the other fails", ErrPaused)
)

// A Plan is what is to be done next on a position.
type Plan struct {
	// Due are held deliveries to run now, for [Store.Redeliver]. They are not
	// decoded.
	Due []*Delivery
	// Next is when to ask for a plan again at the latest; zero means after the
	// next records.
	Next time.Time
	// Paused is why no fresh deliveries may be applied now, or nil.
	Paused error
}

// A Store keeps positions and applies deliveries in transactions of its own.
// What fails there it holds, in the order of its key, and hands out again when
// its time has come. It is safe for concurrent use. Calls under one claim
// never overlap.
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
	// under the claim, and returns how many at the front are settled: applied,
	// or held because they failed or because an earlier delivery of their key
	// is held. It advances c.Next past those, to the offset after the last of
	// them. It bounds each delivery by the route's timeout and contains panics
	// with [Contain]. A delivery whose Err is set is dead.
	//
	// The error is nil when all are settled, [ErrClaimLost] when the fence did
	// not hold, one that matches [ErrPaused] when the rest has to wait, and
	// anything else when the database failed or the outcome of a commit is
	// unknown; the router then claims again and reads the position.
	Apply(ctx context.Context, c *Claim, batch []*Delivery) (done int, err error)
	// Plan returns what is to be done next under the claim. It is cheap when
	// nothing is held. It may notice that the claim is lost, and then returns
	// ErrClaimLost.
	Plan(ctx context.Context, c *Claim) (Plan, error)
	// Redeliver runs the deliveries that the last plan had due, like Apply,
	// and leaves the position where it is. Its errors are those of Apply.
	Redeliver(ctx context.Context, c *Claim, due []*Delivery) error
}

// A Decoder turns records into deliveries. It is safe for concurrent use.
type Decoder interface {
	// Decode fills d.Event and d.Message from rec, or d.Err when the record
	// can never be decoded. It returns an error only when the registry cannot
	// be reached: the router waits and calls it again.
	Decode(ctx context.Context, r *Route, rec *driver.Record, d *Delivery) error
}
