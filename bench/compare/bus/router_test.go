package main

import (
	"context"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// BenchmarkConsume is what a typed consume costs above the driver: records that
// are in memory already go through router, attributes and Avro. One operation
// is one event.
func BenchmarkConsume(b *testing.B) {
	records, err := inMemory()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	c := newCounter(limits{events: int64(b.N), time: time.Minute})
	source := &memory{records: records, left: b.N}
	router, err := newRouter(source, "bench", discard{c})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	<-c.finished
	b.StopTimer()
	cancel()
	<-done
}

func inMemory() ([]*driver.Record, error) {
	messages, err := prepared()
	records := make([]*driver.Record, len(messages))
	for i := range messages {
		m := &messages[i]
		records[i] = &driver.Record{Topic: stored, Offset: int64(i), Key: m.key, Value: m.value, Headers: m.headers, Time: m.time}
	}
	return records, err
}

// memory is a broker with one partition, which holds the same records over and
// over.
type memory struct {
	driver.Conn
	records  []*driver.Record
	at, left int
}

func (m *memory) Join(_ context.Context, _ string, _ []string, h driver.Handler) (driver.Member, error) {
	h.Assigned(m)
	return member{h, m}, nil
}

func (*memory) Topic() string { return stored }
func (*memory) Index() int32  { return 0 }
func (*memory) Commit(int64)  {}

func (m *memory) Seek(_ context.Context, _ int64) (int64, error) { return 0, nil }

func (m *memory) Fetch(ctx context.Context, most, _ int) ([]*driver.Record, error) {
	if m.left == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := min(most, m.left, len(m.records)-m.at)
	batch := m.records[m.at : m.at+n]
	m.at, m.left = (m.at+n)%len(m.records), m.left-n
	return batch, nil
}

type member struct {
	h driver.Handler
	p driver.Partition
}

func (m member) Ready() error { return nil }

func (m member) Close(context.Context) error {
	m.h.Revoked(m.p)
	return nil
}
