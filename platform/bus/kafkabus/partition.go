package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Fetching a partition pauses while this much is queued for it, or when the
// member's queues hold this much together; it goes on when half of it is
// taken. One fetch may overshoot each limit.
const (
	queueBytes   = 4 << 20
	queueRecords = 20_000
	memberBytes  = 64 << 20
)

// A partition is one assigned partition, from assignment to revocation.
type partition struct {
	m    *member
	id   topicPartition
	wake chan struct{} // holds one token when there may be something to fetch

	attached  bool // the data client fetches it; guarded by member.assign
	forgotten bool // its position is copied no more; guarded by committer.mu

	mu     sync.Mutex
	sought bool
	ended  error // why nothing comes any more, until the next Seek
	queue  []*driver.Record
	bytes  int
	paused bool
}

func newPartition(m *member, id topicPartition) *partition {
	return &partition{m: m, id: id, wake: make(chan struct{}, 1)}
}

// Topic implements [driver.Partition].
func (p *partition) Topic() string { return p.id.topic }

// Index implements [driver.Partition].
func (p *partition) Index() int32 { return p.id.partition }

// Seek implements [driver.Partition].
func (p *partition) Seek(ctx context.Context, offset int64) (int64, error) {
	at, err := p.resolve(ctx, offset)
	if err != nil {
		return 0, err
	}
	if err := p.m.attach(p, at); err != nil {
		return 0, err
	}
	return at, nil
}

// resolve turns what Seek is told into an offset that exists.
func (p *partition) resolve(ctx context.Context, offset int64) (int64, error) {
	if err := p.revoked(); err != nil {
		return 0, err
	}
	if offset == driver.Latest {
		return p.bound(ctx, driver.Latest)
	}
	first, err := p.bound(ctx, driver.Earliest)
	if err != nil || offset <= first {
		return first, err
	}
	end, err := p.bound(ctx, driver.Latest)
	if err != nil || offset <= end {
		return offset, err
	}
	return first, nil
}

// bound asks the broker for the partition's first or next offset. Kafka's
// names for them are the driver's: -2 and -1. While the partition has no
// leader, as in the first moments of a topic and during an election, it asks
// again.
func (p *partition) bound(ctx context.Context, which int64) (int64, error) {
	deadline := time.Now().Add(unreachableAfter)
	for {
		at, err := p.ask(ctx, which)
		if err == nil {
			return at, nil
		}
		if !kerr.IsRetriable(err) || time.Now().After(deadline) {
			return 0, p.m.conn.explain("list offsets of "+p.String(), err)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if err := p.revoked(); err != nil {
			return 0, err
		}
	}
}

// ask is one request of [partition.bound].
func (p *partition) ask(ctx context.Context, which int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = 1 // committed
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.Timestamp = p.id.partition, which
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, topic.Partitions = p.id.topic, append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)

	resp, err := req.RequestWith(ctx, patient{p.m.data})
	if err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("the broker answered for another partition")
	}
	got := resp.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}

// String returns topic/partition, for errors.
func (p *partition) String() string { return fmt.Sprintf("%s/%d", p.id.topic, p.id.partition) }

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

// push queues records that the data client returned.
func (p *partition) push(records []*driver.Record, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return
	}
	p.queue = append(p.queue, records...)
	p.account(bytes)
	if !p.paused && p.full() {
		p.paused = true
		p.m.data.PauseFetchPartitions(map[string][]int32{p.id.topic: {p.id.partition}})
	}
	p.signal()
}

// pop takes records from the queue, none when it is empty.
func (p *partition) pop(max, maxBytes int) ([]*driver.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return nil, p.ended
	}
	n, bytes, sated := 0, 0, !p.hungry()
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
	if sated && p.hungry() {
		p.m.whet()
	}
	if p.paused && p.drained() {
		p.paused = false
		p.m.data.ResumeFetchPartitions(map[string][]int32{p.id.topic: {p.id.partition}})
	}
	return records, nil
}

func (p *partition) account(bytes int) {
	p.bytes += bytes
	p.m.buffered.Add(int64(bytes))
}

func (p *partition) full() bool {
	return p.bytes >= queueBytes || len(p.queue) >= queueRecords || p.m.buffered.Load() >= memberBytes
}

func (p *partition) drained() bool {
	if len(p.queue) == 0 {
		return true
	}
	return p.bytes <= queueBytes/2 && len(p.queue) <= queueRecords/2 && p.m.buffered.Load() < memberBytes
}

// end makes Fetch return err from now on. A revocation stays.
func (p *partition) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !errors.Is(p.ended, driver.ErrRevoked) {
		p.ended = err
	}
	p.drop()
	p.signal()
	p.m.whet()
}

// restart empties the queue for a new beginning, unless p was revoked.
func (p *partition) restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.ended, driver.ErrRevoked) {
		return p.ended
	}
	p.sought, p.ended = true, nil
	p.drop()
	p.m.whet()
	return nil
}

func (p *partition) drop() {
	p.account(-p.bytes)
	p.queue, p.paused = nil, false
}

func (p *partition) revoked() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.ended, driver.ErrRevoked) {
		return p.ended
	}
	return nil
}

func (p *partition) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
