package natsbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

var _ driver.Tailer = (*Conn)(nil)

// How much of one partition is handed over at a time.
const (
	tailRecords = 1000
	tailBytes   = 1 << 20
)

// Tail implements [driver.Tailer]. Each partition is read as a member would
// read it, by a goroutine of its own.
func (c *Conn) Tail(ctx context.Context, topics []string, since time.Time, r driver.TailReader) error {
	t := &tail{member: &member{conn: c, log: c.log}, reader: r}
	begin, err := t.begin(ctx, topics, since)
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	for id, at := range begin {
		group.Go(func() error { return t.read(within, id, at) })
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// A tail is one call of [Conn.Tail]. Its member is in no group: it only
// accounts for what is queued.
type tail struct {
	member *member
	mu     sync.Mutex // serializes the reader
	reader driver.TailReader
}

func (t *tail) begin(ctx context.Context, topics []string, since time.Time) (map[topicPartition]int64, error) {
	begin := make(map[topicPartition]int64)
	for _, topic := range topics {
		at, err := t.member.conn.OffsetsAt(ctx, topic, since)
		if err != nil {
			return nil, err
		}
		extents, err := t.member.conn.Extents(ctx, topic)
		if err != nil {
			return nil, err
		}
		for i := range min(len(at), len(extents)) {
			id := topicPartition{topic, extents[i].Partition}
			begin[id] = at[i]
			t.reader.From(id.topic, id.partition, at[i], max(at[i], extents[i].End))
		}
	}
	return begin, nil
}

// read reads one partition from next on. When records are missing there, it
// goes on with the oldest that is left.
func (t *tail) read(ctx context.Context, id topicPartition, next int64) error {
	p := newPartition(t.member, id)
	defer p.revoke()
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryLimit) {
		err := t.readFrom(ctx, p, &next)
		if ctx.Err() == nil {
			t.member.log.Warn("tailing failed; trying again", "partition", id.String(), "error", err)
		}
		if errors.Is(err, errNoTopic) || pause(ctx, wait) != nil {
			return err
		}
	}
	return nil
}

// readFrom reads until it fails.
func (t *tail) readFrom(ctx context.Context, p *partition, next *int64) error {
	at, err := p.Seek(ctx, *next)
	if err != nil {
		return err
	}
	if at != *next {
		if err := t.restart(ctx, p.id, at); err != nil {
			return err
		}
		*next = at
	}
	for {
		records, err := p.Fetch(ctx, tailRecords, tailBytes)
		if err != nil {
			return err
		}
		*next = records[len(records)-1].Offset + 1
		t.mu.Lock()
		t.reader.Read(records)
		t.mu.Unlock()
	}
}

// restart tells the reader that reading goes on elsewhere.
func (t *tail) restart(ctx context.Context, id topicPartition, at int64) error {
	info, err := t.member.conn.streamInfo(ctx, id.topic, id.partition)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reader.From(id.topic, id.partition, at, max(at, int64(info.State.LastSeq)))
	return nil
}
