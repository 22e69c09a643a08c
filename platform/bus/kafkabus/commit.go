package kafkabus

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
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
	dirty map[topicPartition]int64
}

func newCommitter(m *member) *committer {
	return &committer{
		m:    m,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), exited: make(chan struct{}),
		dirty: make(map[topicPartition]int64),
	}
}

func (c *committer) mark(p *partition, next int64) {
	c.mu.Lock()
	if !p.forgotten {
		c.dirty[p.id] = next
	}
	c.mu.Unlock()
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

// flush copies what is marked. A failure costs only the copy: the next mark
// brings it up to date.
func (c *committer) flush() {
	offsets := c.drain()
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	c.m.seats.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err == nil {
			err = firstCommitError(resp)
		}
		if err != nil {
			c.m.log.Debug("the broker's copy of the positions was not updated", "error", err)
		}
	})
}

func (c *committer) drain() map[string]map[int32]kgo.EpochOffset {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for id, next := range c.dirty {
		if offsets[id.topic] == nil {
			offsets[id.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[id.topic][id.partition] = kgo.EpochOffset{Epoch: -1, Offset: next}
	}
	clear(c.dirty)
	return offsets
}

// forget drops what is marked for partitions that another member has now, and
// what a handler that was given up may still mark.
func (c *committer) forget(parts []*partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		p.forgotten = true
		delete(c.dirty, p.id)
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
