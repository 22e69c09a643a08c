package natsbus

import (
	"context"
	"strconv"
	"sync"
	"time"
)

const (
	// Positions are copied to the server at most this often.
	commitInterval = time.Second
	// A copy that takes longer than this is given up.
	commitTimeout = 5 * time.Second
)

// A committer copies positions to the group's bucket in the background.
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
	signal(c.wake)
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
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	for p, next := range c.drain() {
		if err := c.copy(ctx, p.id, next); err != nil {
			c.m.log.Debug("the broker's copy of a position was not updated", "partition", p.id, "error", err)
			c.restore(p, next)
		}
	}
}

// last copies a partition's position when it is given back, and forgets it:
// another member has it from now on.
func (c *committer) last(ctx context.Context, p *partition) {
	c.mu.Lock()
	next, dirty := c.dirty[p]
	delete(c.dirty, p)
	p.forgotten = true
	c.mu.Unlock()
	if !dirty {
		return
	}
	if err := c.copy(ctx, p.id, next); err != nil {
		c.m.log.Debug("the broker's copy of a position was not updated", "partition", p.id, "error", err)
	}
}

func (c *committer) copy(ctx context.Context, id topicPartition, next int64) error {
	_, err := c.m.bucket.Put(ctx, positionKey(c.m.group, id), strconv.AppendInt(nil, next, 10))
	return err
}

func (c *committer) drain() map[*partition]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets := c.dirty
	c.dirty = make(map[*partition]int64)
	return offsets
}

// restore marks what could not be copied, unless something newer is marked.
func (c *committer) restore(p *partition, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, newer := c.dirty[p]; !newer && !p.forgotten {
		c.dirty[p] = next
		signal(c.wake)
	}
}

// forget drops what is marked for a partition that another member has now.
func (c *committer) forget(p *partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.forgotten = true
	delete(c.dirty, p)
}
