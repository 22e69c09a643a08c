package main

import (
	"context"
	"fmt"
	"time"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
)

// stored is the topic that all consumers read from its beginning.
const stored = learning.LessonCompletedTopic

// A stage is a broker with what its rows share.
type stage struct {
	addr     string
	messages []message
	limits   limits
	create   func(ctx context.Context, topic string) error
	drop     func(ctx context.Context, topic string)
	slices   int // counts names
}

// fill publishes what the consumers read.
func (b *stage) fill(ctx context.Context, open func(b *stage, topic string) (sender, error)) error {
	b.drop(ctx, stored)
	if err := b.create(ctx, stored); err != nil {
		return err
	}
	s, err := open(b, stored)
	if err != nil {
		return err
	}
	defer s.close()
	for n := int64(0); n < b.limits.events; n += batch {
		if _, err := s.call(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

// publisher makes a row of a sender. Every slice has a topic of its own, which
// is deleted after it.
func (b *stage) publisher(name, does string, open func(b *stage, topic string) (sender, error)) *row {
	return &row{name: name, does: does, slice: func(ctx context.Context) (_ sample, err error) {
		b.slices++
		topic := fmt.Sprintf("bench.publish.%d", b.slices)
		if err := b.create(ctx, topic); err != nil {
			return sample{}, err
		}
		defer b.drop(ctx, topic)
		s, err := open(b, topic)
		if err != nil {
			return sample{}, err
		}
		for w := range min(s.workers, shards) { // connections and metadata
			if _, err := s.call(ctx, w); err != nil {
				return sample{}, err
			}
		}
		out, err := b.limits.publish(ctx, s)
		if closing := s.close(); err == nil {
			err = closing
		}
		return out, err
	}}
}

// consumer makes a row of a function that consumes in a new group, and returns
// how to end that.
func (b *stage) consumer(name, does string, open func(b *stage, group string, c *counter) (func() error, error)) *row {
	return &row{name: name, does: does, slice: func(ctx context.Context) (sample, error) {
		b.slices++
		c := newCounter(b.limits)
		end, err := open(b, fmt.Sprintf("bench-%d-%d", b.slices, time.Now().UnixNano()), c)
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
