package driver

import (
	"context"
	"time"
)

// A Tailer reads topics without being a member of a group and without keeping
// a position: every instance of a gateway sees all records that way. It is an
// optional part of a [Conn]. It is safe for concurrent use.
type Tailer interface {
	// Tail reads all partitions of the topics, each from its first record with
	// a time at or after since, and hands what it reads to r, in offset order
	// for each partition, until ctx ends; it returns nil then, and r is not
	// called any more. It fails at the beginning when a topic does not exist or
	// the broker cannot be reached, and survives that the broker is away later.
	// It fails later when the broker refuses it; the caller may begin again.
	Tail(ctx context.Context, topics []string, since time.Time, r TailReader) error
}

// A TailReader takes what a [Tailer] reads. Its methods are called by one
// goroutine at a time, and reading waits until they return.
type TailReader interface {
	// From says that the next record of a partition is the one at offset next
	// or behind it, and that end is behind the newest at this moment. It is
	// called once for every partition before its first record. It is called
	// again when the broker has dropped or lost records that were not read yet:
	// next is then higher or lower than where reading had come to.
	From(topic string, partition int32, next, end int64)
	// Read takes records of any partitions, and may keep them.
	Read(records []*Record)
}
