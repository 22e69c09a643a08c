// Package hold keeps the deliveries that failed, in the order of their keys:
// retries, dead letters and the parking lot of a consumer are one table in the
// consumer's own database.
//
// A delivery that fails goes to the hold in the transaction that moves the
// position past it, and blocks its key: later records of the key wait behind
// it in the hold, other keys flow. Only the owner of the position, under its
// epoch, puts rows in, runs them and takes them out ([Owner]). People change
// what shall become of a row, with [Redrive], [Park], [Drop] and [Edit]; every
// change is guarded by the row's version and recorded in pl_hold_audit.
package hold

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A State says what becomes of a held delivery.
type State string

// The states of a row. A row is gone once its delivery is applied.
const (
	// Held rows run when their time has come, or wait behind another row of
	// their key.
	Held State = "held"
	// Dead rows are given up: they were rejected, cannot be decoded, or have
	// used up their attempts. They wait for a redrive or a drop.
	Dead State = "dead"
	// Parked rows wait for a person: their handler asked for one, a person put
	// them there, or too many redrives have failed.
	Parked State = "parked"
	// Dropped rows are about to be removed by the owner, never to be applied.
	Dropped State = "dropped"
)

// ErrChanged means that a row is no longer as it was seen: somebody else has
// changed it, or its delivery was applied. Look again and decide anew.
var ErrChanged = errors.New("the held delivery has changed since it was looked at")

// An ID names one held delivery: a consumer's record at an offset.
type ID struct {
	bus.Position
	Offset int64
}

// String returns consumer/topic/partition/offset.
func (id ID) String() string {
	return fmt.Sprintf("%s/%s/%d/%d", id.Consumer, id.Topic, id.Partition, id.Offset)
}

// ParseID reads what [ID.String] returns.
func ParseID(text string) (ID, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 || parts[0] == "" || parts[1] == "" {
		return ID{}, fmt.Errorf("%q does not name a held delivery; want consumer/topic/partition/offset", text)
	}
	partition, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return ID{}, fmt.Errorf("partition of %q: %w", text, err)
	}
	offset, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return ID{}, fmt.Errorf("offset of %q: %w", text, err)
	}
	return ID{bus.Position{Consumer: parts[0], Topic: parts[1], Partition: int32(partition)}, offset}, nil
}

// A Row is one held delivery.
type Row struct {
	ID
	// Key is the record's; nil means that it has none and blocks nothing.
	Key []byte
	// Blocks says that later records of the key wait for this one.
	Blocks bool
	State  State
	// NextAt is when the owner looks at the row; zero means that it waits
	// behind another one of its key, or for a person.
	NextAt time.Time
	// Attempts counts the runs of the handler, without those during an outage.
	// It is 0 for a row that has only waited behind another one.
	Attempts int
	// Redrives counts how often a person has sent the row through again.
	Redrives int
	// Cause is the error of the last run, and Signature that error without
	// what differs from event to event, for grouping. Both are "" before the
	// first run.
	Cause, Signature string
	// Value and Headers are the record's, exactly. A nil value is a tombstone.
	Value   []byte
	Headers []event.Header
	// RecordTime is the record's timestamp.
	RecordTime time.Time
	// EventID and EventSource are "" when the record is no CloudEvent.
	EventID, EventSource string
	// FirstFailedAt and LastFailedAt are zero before the first run.
	FirstFailedAt, LastFailedAt time.Time
	HeldAt                      time.Time
	// Version rises with every change of the row.
	Version int64
	// Job names the redrive job that took the row last, or is "".
	Job string
}

// Record returns the record that the row holds.
func (r *Row) Record() *driver.Record {
	return &driver.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.RecordTime,
	}
}

// Waits reports whether the row waits behind another one of its key.
func (r *Row) Waits() bool { return r.State == Held && r.NextAt.IsZero() }
