package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
)

// stored is the topic that all consumers read from its beginning.
const stored = learning.LessonCompletedTopic

// kafkaBench has what the rows on Kafka share.
type kafkaBench struct {
	addr     string
	admin    *kadm.Client
	messages []message
	publish  limits
	consume  limits
	slices   int // counts names
}

func newKafkaBench(ctx context.Context, addr string, publish, consume limits) (*kafkaBench, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return nil, err
	}
	b := &kafkaBench{addr: addr, admin: kadm.NewClient(client), publish: publish, consume: consume}
	if b.messages, err = prepared(); err != nil {
		return nil, err
	}
	return b, b.fill(ctx)
}

// fill publishes what the consumers read.
func (b *kafkaBench) fill(ctx context.Context) error {
	_, _ = b.admin.DeleteTopics(ctx, stored)
	if err := b.create(ctx, stored); err != nil {
		return err
	}
	s, err := rawBatches(b, stored)
	if err != nil {
		return err
	}
	defer s.close()
	for n := int64(0); n < b.consume.events; n += batch {
		if _, err := s.call(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

func (b *kafkaBench) create(ctx context.Context, topic string) error {
	_, err := b.admin.CreateTopic(ctx, partitions, 1, nil, topic)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

func (b *kafkaBench) close() { b.admin.Close() }

// publisher makes a row of a sender. Every slice has a topic of its own, which
// is deleted after it.
func (b *kafkaBench) publisher(name, does string, open func(b *kafkaBench, topic string) (sender, error)) *row {
	return &row{name: name, does: does, slice: func(ctx context.Context) (_ sample, err error) {
		b.slices++
		topic := fmt.Sprintf("bench.publish.%d", b.slices)
		if err := b.create(ctx, topic); err != nil {
			return sample{}, err
		}
		defer func() { _, _ = b.admin.DeleteTopics(ctx, topic) }()
		s, err := open(b, topic)
		if err != nil {
			return sample{}, err
		}
		for w := range min(s.workers, 2) { // connections and metadata
			if _, err := s.call(ctx, w); err != nil {
				return sample{}, err
			}
		}
		out, err := b.publish.publish(ctx, s)
		if closing := s.close(); err == nil {
			err = closing
		}
		return out, err
	}}
}

// consumer makes a row of a function that consumes in a new group, and returns
// how to end that.
func (b *kafkaBench) consumer(name, does string, open func(b *kafkaBench, group string, c *counter) (func() error, error)) *row {
	return &row{name: name, does: does, slice: func(ctx context.Context) (sample, error) {
		b.slices++
		c := newCounter(b.consume)
		end, err := open(b, fmt.Sprintf("bench.%d.%d", b.slices, time.Now().UnixNano()), c)
		if err != nil {
			return sample{}, err
		}
		out, err := c.wait(ctx)
		if ending := end(); err == nil {
			err = ending
		}
		return out, err
	}}
}
