package driver

import (
	"context"
	"time"
)

// An Extent is what a broker has of one partition.
type Extent struct {
	Partition int32
	// Oldest is the offset of the oldest record, End the one behind the newest.
	// They are equal when there is none.
	Oldest, End int64
}

// A Surveyor says what a broker has of topics. It is an optional part of a
// [Conn] for the tools that people run. It is safe for concurrent use.
type Surveyor interface {
	// Extents returns the extents of a topic's partitions, in order.
	Extents(ctx context.Context, topic string) ([]Extent, error)
	// OffsetsAt returns for each of a topic's partitions, in order, the offset
	// of the first record with a time at or after t, or its end.
	OffsetsAt(ctx context.Context, topic string, t time.Time) ([]int64, error)
}
