// Package driver is what a broker has to offer to package bus. The broker
// keeps records in partitions; positions are kept by the consumer's own
// database, so a driver seeks where it is told and never decides itself.
//
// An implementation is done when the suite in package drivertest passes.
package driver

import (
	"context"
	"errors"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// ErrRevoked is returned by [Partition.Fetch] after the partition was taken
// from this member, and by every later call.
var ErrRevoked = errors.New("partition is no longer assigned to this member")

// ErrUnreachable is wrapped by errors that say that no broker answers, as
// opposed to a broker that refuses. Trying again later may help.
var ErrUnreachable = errors.New("broker cannot be reached")

// Positions that are not offsets, for [Partition.Seek].
const (
	// Earliest is the oldest record that the broker still has.
	Earliest int64 = -2
	// Latest is the first record published after the seek.
	Latest int64 = -1
)

// A Record is one message in a partition.
type Record struct {
	Topic string
	// Partition and Offset are set on fetched records. Offsets of one
	// partition rise, with gaps.
	Partition int32
	Offset    int64
	// Key is nil for a record without a key.
	Key []byte
	// Value is nil for a tombstone.
	Value   []byte
	Headers []event.Header
	// Time is the broker's or the producer's timestamp.
	Time time.Time
}

// A Topic is what a topic is created with.
type Topic struct {
	Name       string
	Partitions int32
	Retention  time.Duration
}

// A Conn is a connection to one broker. It is safe for concurrent use.
type Conn interface {
	// EnsureTopics creates the topics that do not exist. It changes nothing
	// about those that do, and fails when one of them has another partition
	// count, naming both counts.
	EnsureTopics(ctx context.Context, topics []Topic) error
	// Publish writes the records and returns when the broker has made all of
	// them durable. Records with the same topic and key keep their order; the
	// partition is murmur2 of the key, and any partition for a nil key. On an
	// error any subset may have been written; the caller publishes all of
	// them again. It returns soon after ctx has ended, whatever the network
	// does, and may after any error still read the records: their bytes never
	// change then. After success the records and all that they refer to are
	// the caller's again.
	Publish(ctx context.Context, records []*Record) error
	// Join becomes a member of a consumer group and calls h as partitions
	// come and go, until ctx ends or the member is closed.
	Join(ctx context.Context, group string, topics []string, h Handler) (Member, error)
	// Ping fails when the broker cannot be reached.
	Ping(ctx context.Context) error
	// Close ends all members and connections.
	Close() error
}

// A Member is one member of a consumer group.
type Member interface {
	// Close leaves the group after Handler.Revoked has returned for every
	// assigned partition. ctx bounds the wait.
	Close(ctx context.Context) error
	// Ready returns nil when the member takes part in the group, with or
	// without partitions, and otherwise why it does not.
	Ready() error
}

// A Handler hears about assignments. Calls for one partition never overlap.
type Handler interface {
	// Assigned hands over a partition. It returns at once; the work happens
	// in goroutines of the handler.
	Assigned(p Partition)
	// Revoked takes the partition back. It returns when the handler no longer
	// works on the partition, which the driver may wait for before another
	// member gets it.
	Revoked(p Partition)
}

// A Partition is one assigned partition. Its methods are called by one
// goroutine at a time, except that Fetch may be pending while the partition is
// revoked.
type Partition interface {
	Topic() string
	Index() int32
	// Seek sets where the next Fetch begins, an offset, Earliest or Latest, and
	// returns the offset that this is. An offset that the broker has already
	// dropped begins at the oldest record that is left. So does an offset
	// beyond the end of the partition, because the broker has lost records
	// then. Nothing is fetched before the first Seek; a later one drops what
	// was fetched ahead. It returns ErrRevoked after revocation.
	Seek(ctx context.Context, offset int64) (int64, error)
	// Fetch blocks until there is at least one record, then returns what is at
	// hand, in offset order: up to max records, and up to maxBytes of keys,
	// values and headers unless the first record alone is larger. When ctx
	// ends first it returns at once what is at hand, or else the context's
	// error; no record is lost by that, the next Fetch goes on. It returns
	// ErrRevoked after revocation.
	Fetch(ctx context.Context, max, maxBytes int) ([]*Record, error)
	// Commit tells the broker that all records below next are done. It is a
	// copy for lag metrics and other tools: asynchronous, best effort.
	Commit(next int64)
}
