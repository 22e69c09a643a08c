package natsbus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Reading a partition pauses while this much is queued for it, or when the
// member's queues hold this much together; it goes on when some of it is
// taken. What the NATS client has fetched ahead comes on top.
const (
	queueBytes   = 1 << 20
	queueRecords = 5_000
	memberBytes  = 64 << 20
)

type topicPartition struct {
	topic     string
	partition int32
}

// String returns topic/partition, for errors.
func (id topicPartition) String() string { return fmt.Sprintf("%s/%d", id.topic, id.partition) }

// A partition is one assigned partition, from assignment to revocation.
type partition struct {
	m     *member
	id    topicPartition
	wake  chan struct{} // holds one token when there may be something to fetch
	space chan struct{} // holds one token when something was taken

	forgotten bool // its position is copied no more; guarded by committer.mu

	reader *reader // used by the goroutine that seeks and fetches

	mu      sync.Mutex
	ended   error              // why nothing comes any more, until the next Seek
	reading context.CancelFunc // ends the reader; nil without one
	queue   []*driver.Record
	bytes   int
}

func newPartition(m *member, id topicPartition) *partition {
	return &partition{m: m, id: id, wake: make(chan struct{}, 1), space: make(chan struct{}, 1)}
}

// Topic implements [driver.Partition].
func (p *partition) Topic() string { return p.id.topic }

// Index implements [driver.Partition].
func (p *partition) Index() int32 { return p.id.partition }

// Seek implements [driver.Partition].
func (p *partition) Seek(ctx context.Context, offset int64) (int64, error) {
	p.stopReading()
	if err := p.revoked(); err != nil {
		return 0, err
	}
	info, err := p.m.conn.streamInfo(ctx, p.id.topic, p.id.partition)
	if err != nil {
		return 0, err
	}
	at, err := p.m.conn.afterHole(ctx, p.id, info, resolve(&info.State, offset))
	if err != nil {
		return 0, err
	}
	r, err := p.m.conn.read(ctx, p, at)
	if err != nil {
		return 0, err
	}
	reading, err := p.restart(context.Background())
	if err != nil {
		r.pull.stop()
		return 0, err
	}
	p.reader = r
	go r.run(reading)
	return at, nil
}

// stopReading returns when nothing more can come of the last Seek.
func (p *partition) stopReading() {
	p.mu.Lock()
	if p.reading != nil {
		p.reading()
	}
	p.mu.Unlock()
	if p.reader != nil {
		<-p.reader.done
		p.reader = nil
	}
}

// resolve turns what Seek is told into an offset that exists.
func resolve(s *jetstream.StreamState, offset int64) int64 {
	first, end := bounds(s)
	switch {
	case offset == driver.Latest:
		return end
	case offset < first, offset > end:
		return first
	}
	return offset
}

// bounds returns the offsets of the oldest record and of the next one. A
// stream that never had a record has 0 as its first sequence.
func bounds(s *jetstream.StreamState) (first, end int64) {
	return int64(max(s.FirstSeq, 1)) - 1, int64(s.LastSeq)
}

// Fetch implements [driver.Partition].
func (p *partition) Fetch(ctx context.Context, max, maxBytes int) ([]*driver.Record, error) {
	for {
		ended := ctx.Err()
		records, err := p.pop(max, maxBytes)
		if err != nil || len(records) > 0 {
			return records, err
		}
		if ended != nil {
			return nil, ended
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	}
}

// Commit implements [driver.Partition].
func (p *partition) Commit(next int64) { p.m.commits.mark(p, next) }

// push queues records, each once there is room for it.
func (p *partition) push(ctx context.Context, records []*driver.Record) error {
	for {
		if records = p.offer(ctx, records); len(records) == 0 {
			return nil
		}
		select {
		case <-p.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// offer queues the records for which there is room, and returns the others.
func (p *partition) offer(ctx context.Context, records []*driver.Record) []*driver.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return records
	}
	for len(records) > 0 && (len(p.queue) == 0 || !p.full()) {
		p.queue = append(p.queue, records[0])
		p.account(size(records[0]))
		records = records[1:]
	}
	signal(p.wake)
	return records
}

// pop takes records from the queue, none when it is empty. What was read
// before the reader failed is taken first.
func (p *partition) pop(max, maxBytes int) ([]*driver.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil && len(p.queue) == 0 {
		return nil, p.ended
	}
	n, bytes := 0, 0
	for n < len(p.queue) && n < max {
		s := size(p.queue[n])
		if n > 0 && bytes+s > maxBytes {
			break
		}
		n, bytes = n+1, bytes+s
	}
	records := p.queue[:n:n]
	p.queue = p.queue[n:]
	p.account(-bytes)
	signal(p.space)
	return records, nil
}

func (p *partition) account(bytes int) {
	p.bytes += bytes
	p.m.buffered.Add(int64(bytes))
}

func (p *partition) full() bool {
	return p.bytes >= queueBytes || len(p.queue) >= queueRecords || p.m.buffered.Load() >= memberBytes
}

// fail makes Fetch return err when the queue is empty, until the next Seek.
func (p *partition) fail(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil && p.ended == nil {
		p.ended = err
		signal(p.wake)
	}
}

// revoke ends the partition for good.
func (p *partition) revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = driver.ErrRevoked
	if p.reading != nil {
		p.reading()
	}
	p.drop()
	signal(p.wake)
}

// restart empties the queue for a new beginning, unless p was revoked. The
// context ends when reading has to.
func (p *partition) restart(ctx context.Context) (context.Context, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.ended, driver.ErrRevoked) {
		return nil, p.ended
	}
	p.ended = nil
	p.drop()
	ctx, p.reading = context.WithCancel(ctx)
	return ctx, nil
}

func (p *partition) drop() {
	p.account(-p.bytes)
	p.queue = nil
}

func (p *partition) revoked() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.ended, driver.ErrRevoked) {
		return p.ended
	}
	return nil
}

func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// size is what a record counts against the limits.
func size(r *driver.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
