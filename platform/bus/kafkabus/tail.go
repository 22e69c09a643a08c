package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.Tailer = (*Conn)(nil)

// Tail implements [driver.Tailer] with a client of its own.
func (c *Conn) Tail(ctx context.Context, topics []string, since time.Time, r driver.TailReader) error {
	t := &tail{conn: c, reader: r, next: map[topicPartition]int64{}}
	begin, err := t.begin(ctx, topics, since)
	if err != nil {
		return err
	}
	t.client, err = kgo.NewClient(append(c.opts,
		kgo.ConsumePartitions(begin),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(c.cfg.Idle/30),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
	)...)
	if err != nil {
		return fmt.Errorf("kafka: tail: %w", err)
	}
	defer t.client.Close()
	return t.run(ctx)
}

// A tail is one call of [Conn.Tail].
type tail struct {
	conn   *Conn
	client *kgo.Client
	reader driver.TailReader
	next   map[topicPartition]int64
}

// begin asks the broker where to begin and tells the reader.
func (t *tail) begin(ctx context.Context, topics []string, since time.Time) (map[string]map[int32]kgo.Offset, error) {
	if err := t.conn.requireTopics(ctx, topics); err != nil {
		return nil, err
	}
	begin := make(map[string]map[int32]kgo.Offset, len(topics))
	for _, topic := range topics {
		at, err := t.conn.OffsetsAt(ctx, topic, since)
		if err != nil {
			return nil, err
		}
		extents, err := t.conn.Extents(ctx, topic)
		if err != nil {
			return nil, err
		}
		begin[topic] = make(map[int32]kgo.Offset, len(at))
		for i := range min(len(at), len(extents)) {
			begin[topic][extents[i].Partition] = kgo.NewOffset().At(at[i])
			t.from(topicPartition{topic, extents[i].Partition}, at[i], extents[i].End)
		}
	}
	return begin, nil
}

func (t *tail) from(id topicPartition, next, end int64) {
	t.next[id] = next
	t.reader.From(id.topic, id.partition, next, max(next, end))
}

func (t *tail) run(ctx context.Context) error {
	for {
		fetches := t.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := t.refusal(fetches); err != nil {
			return err
		}
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if len(f.Records) > 0 {
				t.take(&f)
			}
		})
	}
}

// take hands on records of one partition. Offsets that are not the next one
// say that the broker has dropped or lost records; kgo has gone on with the
// oldest that is left.
func (t *tail) take(f *kgo.FetchTopicPartition) {
	id := topicPartition{f.Topic, f.Partition}
	if first := f.Records[0].Offset; first != t.next[id] {
		t.from(id, first, f.HighWatermark)
	}
	t.next[id] = f.Records[len(f.Records)-1].Offset + 1
	records, _ := fromKafka(f.Records)
	t.reader.Read(records)
}

// refusal returns the error of a broker that says no. One that is away is
// asked again by the client.
func (t *tail) refusal(fetches kgo.Fetches) (refusal error) {
	fetches.EachError(func(topic string, partition int32, err error) {
		var lost *kgo.ErrDataLoss
		switch {
		case errors.As(err, &lost):
		case unreachable(err) && t.conn.cfg.refusal(err) == "":
			t.conn.log.Warn("tailing failed; trying again", "error", err)
		default:
			refusal = t.conn.explain(fmt.Sprintf("tail %s/%d", topic, partition), err)
		}
	})
	return refusal
}
