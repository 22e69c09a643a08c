package presence_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// A broker is one partition in memory, for virtual time; the tests of package
// realtime run on real ones.
type broker struct {
	driver.Conn // what presence has no need of
	mu          sync.Mutex
	records     []*driver.Record
	news        chan struct{} // closed by the next record
	away        bool
}

func newBroker() *broker { return &broker{news: make(chan struct{})} }

func (b *broker) Publish(_ context.Context, records []*driver.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return driver.ErrUnreachable
	}
	for _, r := range records {
		own := *r
		own.Offset, own.Time = int64(len(b.records)), time.Now()
		b.records = append(b.records, &own)
	}
	close(b.news)
	b.news = make(chan struct{})
	return nil
}

func (b *broker) Tail(ctx context.Context, _ []string, since time.Time, r driver.TailReader) error {
	b.mu.Lock()
	next := 0
	for next < len(b.records) && b.records[next].Time.Before(since) {
		next++
	}
	r.From("", 0, int64(next), int64(len(b.records)))
	b.mu.Unlock()
	for {
		b.mu.Lock()
		more, news, away := b.records[next:], b.news, b.away
		b.mu.Unlock()
		if away {
			return errors.New("the broker is away")
		}
		if len(more) > 0 {
			r.Read(more)
			next += len(more)
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
	}
}

// said is how many records there are.
func (b *broker) said() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records)
}

// goAway makes the broker answer nobody, until it comes back.
func (b *broker) goAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
	close(b.news)
	b.news = make(chan struct{})
}
