package kafkabus

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// Positions are copied to the broker at most this often.
	commitInterval = time.Second
	// A copy that takes longer than this is given up.
	commitTimeout = 5 * time.Second
)

// A committer copies positions to the broker in the background, all of them in
// one request.
type committer struct {
	m      *member
	wake   chan struct{} // holds one token when something is to be copied
	quit   chan struct{}
	exited chan struct{}

	mu    sync.Mutex
	dirty map[*partition]int64
}

func newCommitter(m *member) *committer {
	return &committer{
		m:    m,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), exited: make(chan struct{}),
		dirty: make(map[*partition]int64),
	}
}

func (c *committer) mark(p *partition, next int64) {
	c.mu.Lock()
	if !p.forgotten {
		c.dirty[p] = next
	}
	c.mu.Unlock()
	c.signal()
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run copies what is marked until stop.
func (c *committer) run() {
	defer close(c.exited)
	for {
		select {
		case <-c.wake:
		case <-c.quit:
			return
		}
		t := time.NewTimer(commitInterval)
		select {
		case <-t.C:
			c.flush()
		case <-c.quit:
			t.Stop()
			return
		}
	}
}

// stop ends run. What is marked was flushed when the partitions were revoked.
func (c *committer) stop() {
	close(c.quit)
	<-c.exited
}

// flush copies what is marked, and marks it again when that fails.
func (c *committer) flush() {
	offsets := c.drain()
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	resp, err := c.request(offsets).RequestWith(ctx, c.m.seats)
	if err == nil {
		err = firstCommitError(resp)
	}
	if err != nil {
		c.m.log.Debug("the broker's copy of the positions was not updated", "error", err)
		c.restore(offsets)
	}
}

// request makes the member's commit. The client's own commit waits for a
// rebalance to end; this one is refused during it and comes again.
func (c *committer) request(offsets map[*partition]int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = c.m.group
	req.MemberID, req.Generation = c.m.seats.GroupMetadata()
	if c.m.conn.cfg.Instance != "" {
		req.InstanceID = &c.m.conn.cfg.Instance
	}
	topics := make(map[string]int)
	for p, next := range offsets {
		i, ok := topics[p.id.topic]
		if !ok {
			i = len(req.Topics)
			topics[p.id.topic] = i
			t := kmsg.NewOffsetCommitRequestTopic()
			t.Topic = p.id.topic
			req.Topics = append(req.Topics, t)
		}
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset = p.id.partition, next
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, rp)
	}
	return req
}

func (c *committer) drain() map[*partition]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets := c.dirty
	c.dirty = make(map[*partition]int64)
	return offsets
}

// restore marks what could not be copied, unless something newer is marked.
func (c *committer) restore(offsets map[*partition]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, next := range offsets {
		if _, newer := c.dirty[p]; !newer && !p.forgotten {
			c.dirty[p] = next
		}
	}
	c.signal()
}

// forget drops what is marked for partitions that another member has now, and
// what a handler that was given up may still mark.
func (c *committer) forget(parts []*partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		p.forgotten = true
		delete(c.dirty, p)
	}
}

func firstCommitError(resp *kmsg.OffsetCommitResponse) error {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
