package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A ledger stands for the consumer's database: it keeps positions across
// members, and notices everything that must not happen to them.
type ledger struct {
	s *suite

	mu    sync.Mutex
	next  map[int32]int64
	owner map[int32]string
	got   []*driver.Record
	grown chan struct{} // closed and replaced when got grows
}

func newLedger(s *suite) *ledger {
	return &ledger{
		s: s, next: make(map[int32]int64), owner: make(map[int32]string), grown: make(chan struct{}),
	}
}

func (l *ledger) take(partition int32, member string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if owner, taken := l.owner[partition]; taken {
		l.s.Errorf("partition %d was assigned to %s while %s had it", partition, member, owner)
	}
	l.owner[partition] = member
	return l.next[partition]
}

func (l *ledger) release(partition int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.owner, partition)
}

// apply records what a member fetched, which must follow the position without
// a gap: these topics have none.
func (l *ledger) apply(member string, partition int32, records []*driver.Record) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if want := l.next[partition]; r.Offset != want || r.Partition != partition {
			l.s.Errorf("%s fetched %d/%d, want %d/%d", member, r.Partition, r.Offset, partition, want)
		}
		l.next[partition] = r.Offset + 1
		l.got = append(l.got, r)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return l.next[partition]
}

// wait returns all records once there are n.
func (l *ledger) wait(n int) []*driver.Record {
	l.s.Helper()
	for {
		l.mu.Lock()
		got, grown := l.got, l.grown
		l.mu.Unlock()
		if len(got) > n {
			l.s.Fatalf("%d records were applied, %d were published", len(got), n)
		}
		if len(got) == n {
			return got
		}
		select {
		case <-grown:
		case <-l.s.ctx.Done():
			l.s.Fatalf("%d of %d records arrived", len(got), n)
		}
	}
}

// A consumer is a handler that works on its partitions by the ledger.
type consumer struct {
	name   string
	ledger *ledger

	mu     sync.Mutex
	work   map[driver.Partition]*running
	holds  int
	change chan struct{} // closed and replaced when holds changes
}

type running struct {
	stop context.CancelFunc
	done chan struct{}
}

func newConsumer(name string, l *ledger) *consumer {
	return &consumer{name: name, ledger: l, work: make(map[driver.Partition]*running), change: make(chan struct{})}
}

func (c *consumer) Assigned(p driver.Partition) {
	ctx, stop := context.WithCancel(c.ledger.s.ctx)
	r := &running{stop: stop, done: make(chan struct{})}
	from := c.ledger.take(p.Index(), c.name)
	c.hold(p, r)
	go func() {
		defer close(r.done)
		if err := c.consume(ctx, p, from); err != nil && !errors.Is(err, driver.ErrRevoked) && ctx.Err() == nil {
			c.ledger.s.Errorf("%s: partition %d: %v", c.name, p.Index(), err)
		}
	}()
}

func (c *consumer) consume(ctx context.Context, p driver.Partition, from int64) error {
	if from == 0 {
		from = driver.Earliest
	}
	if _, err := p.Seek(ctx, from); err != nil {
		return fmt.Errorf("seek: %w", err)
	}
	for {
		records, err := p.Fetch(ctx, 10, 1<<20)
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		p.Commit(c.ledger.apply(c.name, p.Index(), records))
	}
}

func (c *consumer) Revoked(p driver.Partition) {
	c.mu.Lock()
	r := c.work[p]
	c.mu.Unlock()
	if r == nil {
		c.ledger.s.Errorf("%s: partition %d was revoked without having been assigned", c.name, p.Index())
		return
	}
	r.stop()
	<-r.done
	c.ledger.release(p.Index())
	c.hold(p, nil)
}

func (c *consumer) hold(p driver.Partition, r *running) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r != nil {
		c.work[p] = r
	} else {
		delete(c.work, p)
	}
	c.holds = len(c.work)
	close(c.change)
	c.change = make(chan struct{})
}

// waitHolds returns when the consumer has n partitions.
func (c *consumer) waitHolds(n int) {
	c.ledger.s.Helper()
	for {
		c.mu.Lock()
		holds, change := c.holds, c.change
		c.mu.Unlock()
		if holds == n {
			return
		}
		select {
		case <-change:
		case <-c.ledger.s.ctx.Done():
			c.ledger.s.Fatalf("%s holds %d partitions, want %d", c.name, holds, n)
		}
	}
}
