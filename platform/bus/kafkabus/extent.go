package kafkabus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.Surveyor = (*Conn)(nil)

// Extents implements [driver.Surveyor].
func (c *Conn) Extents(ctx context.Context, topic string) ([]driver.Extent, error) {
	admin := kadm.NewClient(c.out)
	oldest, err := c.offsets(ctx, topic, "oldest", admin.ListStartOffsets)
	if err != nil {
		return nil, err
	}
	ends, err := c.offsets(ctx, topic, "newest", admin.ListEndOffsets)
	if err != nil {
		return nil, err
	}
	extents := make([]driver.Extent, min(len(oldest), len(ends)))
	for i := range extents {
		extents[i] = driver.Extent{Partition: ends[i].Partition, Oldest: oldest[i].Offset, End: ends[i].Offset}
	}
	return extents, nil
}

// OffsetsAt implements [driver.Surveyor].
func (c *Conn) OffsetsAt(ctx context.Context, topic string, t time.Time) ([]int64, error) {
	admin := kadm.NewClient(c.out)
	found, err := c.offsets(ctx, topic, "later", func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
	})
	at := make([]int64, len(found))
	for i := range found {
		at[i] = found[i].Offset
	}
	return at, err
}

func (c *Conn) offsets(ctx context.Context, topic, which string,
	list func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error)) ([]kadm.ListedOffset, error) {
	ctx, cancel := context.WithTimeout(ctx, unreachableAfter)
	defer cancel()
	doing := fmt.Sprintf("ask for the %s offsets of topic %s", which, topic)
	listed, err := list(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	found := make([]kadm.ListedOffset, 0, len(listed[topic]))
	for _, o := range listed[topic] {
		found = append(found, o)
	}
	slices.SortFunc(found, func(a, b kadm.ListedOffset) int { return cmp.Compare(a.Partition, b.Partition) })
	return found, nil
}
