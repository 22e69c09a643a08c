package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// shards is how many relays of one service publish at a time on PostgreSQL.
const shards = 2

func rawProducer(addr string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
}

func rawRecord(topic string, m *message) *kgo.Record {
	r := &kgo.Record{Topic: topic, Key: m.key, Value: m.value, Timestamp: m.time, Headers: make([]kgo.RecordHeader, len(m.headers))}
	for i, h := range m.headers {
		r.Headers[i] = kgo.RecordHeader(h)
	}
	return r
}

// rawBatches awaits each batch, as an outbox relay has to.
func rawBatches(b *stage, topic string) (sender, error) {
	client, err := rawProducer(b.addr)
	if err != nil {
		return sender{}, err
	}
	return sender{
		workers: shards,
		call: func(ctx context.Context, _ int) (int, error) {
			records := make([]*kgo.Record, batch)
			for i := range b.messages {
				records[i] = rawRecord(topic, &b.messages[i])
			}
			return batch, client.ProduceSync(ctx, records...).FirstErr()
		},
		close: func() error { client.Close(); return nil },
	}, nil
}

// rawPipeline never waits, until the end.
func rawPipeline(b *stage, topic string) (sender, error) {
	client, err := rawProducer(b.addr)
	if err != nil {
		return sender{}, err
	}
	var failed atomic.Pointer[error]
	return sender{
		workers: 1,
		call: func(ctx context.Context, _ int) (int, error) {
			for i := range b.messages {
				client.Produce(ctx, rawRecord(topic, &b.messages[i]), func(_ *kgo.Record, err error) {
					if err != nil {
						failed.Store(&err)
					}
				})
			}
			if err := failed.Load(); err != nil {
				return 0, *err
			}
			return batch, nil
		},
		close: func() error {
			defer client.Close()
			return client.Flush(context.Background())
		},
	}, nil
}

// rawConsume reads in a group and looks at every record's length.
func rawConsume(b *stage, group string, c *counter) (func() error, error) {
	return pollInto(b, group, func(fetches kgo.Fetches) error {
		n := 0
		fetches.EachRecord(func(r *kgo.Record) {
			if len(r.Value) > 0 && len(r.Headers) == 8 {
				n++
			}
		})
		if n > 0 {
			c.add(n)
		}
		return nil
	})
}

// pollInto gives what a member of the group polls to take, until it is stopped
// or take fails.
func pollInto(b *stage, group string, take func(kgo.Fetches) error) (func() error, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.ConsumerGroup(group), kgo.ConsumeTopics(stored),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- poll(ctx, client, take) }()
	return func() error {
		cancel()
		err := <-done
		client.Close()
		return err
	}, nil
}

func poll(ctx context.Context, client *kgo.Client, take func(kgo.Fetches) error) error {
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if err := take(fetches); err != nil {
			return err
		}
	}
	return nil
}
