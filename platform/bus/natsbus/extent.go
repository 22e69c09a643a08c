package natsbus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.Surveyor = (*Conn)(nil)

// Extents implements [driver.Surveyor]. Sequences begin at 1, offsets at 0.
func (c *Conn) Extents(ctx context.Context, topic string) ([]driver.Extent, error) {
	count, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	extents := make([]driver.Extent, count)
	for p := range count {
		info, err := c.streamInfo(ctx, topic, p)
		if err != nil {
			return nil, err
		}
		end := int64(info.State.LastSeq)
		oldest := end // of a stream without messages
		if info.State.Msgs > 0 {
			oldest = int64(info.State.FirstSeq) - 1
		}
		extents[p] = driver.Extent{Partition: p, Oldest: oldest, End: end}
	}
	return extents, nil
}

// OffsetsAt implements [driver.Surveyor]: the server finds the place for a
// consumer that begins at a time.
func (c *Conn) OffsetsAt(ctx context.Context, topic string, t time.Time) ([]int64, error) {
	count, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	at := make([]int64, count)
	for p := range count {
		err := c.call(ctx, "find a time in "+subject(topic, p), func(ctx context.Context) (err error) {
			at[p], err = c.startAt(ctx, streamName(topic, p), t)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return at, nil
}

// startAt makes a consumer and removes it again; the server removes it if that
// fails.
func (c *Conn) startAt(ctx context.Context, stream string, t time.Time) (int64, error) {
	consumer, err := c.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &t, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: inactive, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return 0, err
	}
	info := consumer.CachedInfo()
	_ = c.js.DeleteConsumer(ctx, stream, info.Name)
	return int64(info.Delivered.Stream), nil
}
