package bus_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// fakeTopic is a topic of a broker in memory. Tests decide which member gets
// which partition.
type fakeTopic struct {
	name string

	mu      sync.Mutex
	logs    map[int32][]*driver.Record
	first   map[int32]int64 // oldest offset that is left
	grown   chan struct{}   // closed and replaced when a log grows
	joinErr []error         // what the next joins return
	commits map[int32]int64
}

func newFakeTopic() *fakeTopic {
	return &fakeTopic{
		name: "pl.quiz.quiz_completed.v1", logs: map[int32][]*driver.Record{}, first: map[int32]int64{},
		grown: make(chan struct{}), commits: map[int32]int64{},
	}
}

// add appends n records to a partition.
func (f *fakeTopic) add(partition int32, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		offset := f.first[partition] + int64(len(f.logs[partition]))
		f.logs[partition] = append(f.logs[partition], &driver.Record{
			Topic: f.name, Partition: partition, Offset: offset,
			Key: fmt.Append(nil, offset%3), Value: fmt.Append(nil, offset),
		})
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// lose drops all records of a partition and begins it anew at an offset.
func (f *fakeTopic) lose(partition int32, first int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs[partition], f.first[partition] = nil, first
}

func (f *fakeTopic) committed(partition int32) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commits[partition]
}

// A fakeConn is one member's connection.
type fakeConn struct {
	*fakeTopic
	joined  chan struct{} // closed when a router has joined
	handler driver.Handler
	parts   map[int32]*fakePartition // guarded by mu
	closed  chan struct{}
}

func (f *fakeTopic) connect() *fakeConn {
	return &fakeConn{fakeTopic: f, joined: make(chan struct{}), parts: map[int32]*fakePartition{}, closed: make(chan struct{})}
}

func (c *fakeConn) EnsureTopics(context.Context, []driver.Topic) error { return nil }
func (c *fakeConn) Publish(context.Context, []*driver.Record) error    { return nil }
func (c *fakeConn) Ping(context.Context) error                         { return nil }
func (c *fakeConn) Ready() error                                       { return nil }
func (c *fakeConn) Join(_ context.Context, _ string, _ []string, h driver.Handler) (driver.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.joinErr) > 0 {
		err := c.joinErr[0]
		c.joinErr = c.joinErr[1:]
		return nil, err
	}
	c.handler = h
	close(c.joined)
	return fakeMember{c}, nil
}
func (c *fakeConn) Close() error { return nil }

type fakeMember struct{ *fakeConn }

func (m fakeMember) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.mu.Lock()
		held := slices.Collect(maps.Keys(m.parts))
		m.mu.Unlock()
		for _, index := range held {
			m.revoke(index)
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *fakeConn) assign(index int32) {
	<-c.joined
	p := &fakePartition{topic: c.fakeTopic, index: index, next: -1, revoked: make(chan struct{})}
	c.mu.Lock()
	c.parts[index] = p
	c.mu.Unlock()
	c.handler.Assigned(p)
}

func (c *fakeConn) revoke(index int32) {
	c.mu.Lock()
	p := c.parts[index]
	delete(c.parts, index)
	c.mu.Unlock()
	if p != nil {
		close(p.revoked)
		c.handler.Revoked(p)
	}
}

type fakePartition struct {
	topic   *fakeTopic
	index   int32
	next    int64 // -1 before the first seek
	revoked chan struct{}
}

func (p *fakePartition) Topic() string { return p.topic.name }
func (p *fakePartition) Index() int32  { return p.index }

func (p *fakePartition) Seek(_ context.Context, offset int64) (int64, error) {
	if p.isRevoked() {
		return 0, driver.ErrRevoked
	}
	p.topic.mu.Lock()
	defer p.topic.mu.Unlock()
	first := p.topic.first[p.index]
	end := first + int64(len(p.topic.logs[p.index]))
	switch {
	case offset == driver.Latest:
		p.next = end
	case offset < first || offset > end:
		p.next = first
	default:
		p.next = offset
	}
	return p.next, nil
}

func (p *fakePartition) Fetch(ctx context.Context, max, _ int) ([]*driver.Record, error) {
	if p.next < 0 {
		return nil, fmt.Errorf("fetch before seek")
	}
	for {
		p.topic.mu.Lock()
		first, grown := p.topic.first[p.index], p.topic.grown
		log := p.topic.logs[p.index][min(int(p.next-first), len(p.topic.logs[p.index])):]
		p.topic.mu.Unlock()
		if p.isRevoked() {
			return nil, driver.ErrRevoked
		}
		if len(log) > 0 {
			records := slices.Clone(log[:min(max, len(log))])
			p.next += int64(len(records))
			return records, nil
		}
		select {
		case <-grown:
		case <-p.revoked:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *fakePartition) Commit(next int64) {
	p.topic.mu.Lock()
	defer p.topic.mu.Unlock()
	p.topic.commits[p.index] = next
}

func (p *fakePartition) isRevoked() bool {
	select {
	case <-p.revoked:
		return true
	default:
		return false
	}
}
