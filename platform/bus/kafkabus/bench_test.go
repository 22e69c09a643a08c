package kafkabus_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
)

const benchBatch = 1000

// benchRecords are as the relay publishes them: 282 bytes and ten headers.
func benchRecords() []*driver.Record {
	records := make([]*driver.Record, benchBatch)
	for i := range records {
		var headers []event.Header
		for h := range 10 {
			headers = append(headers, event.Header{Key: fmt.Sprintf("ce_header%d", h), Value: []byte("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")})
		}
		records[i] = &driver.Record{Topic: "bench", Key: fmt.Append(nil, i), Value: make([]byte, 282), Headers: headers}
	}
	return records
}

func benchConn(b *testing.B) (*kafkabus.Conn, string) {
	b.Helper()
	broker, err := kafka.Start(b.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = broker.Close() })
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	if err := conn.EnsureTopics(b.Context(), []driver.Topic{{Name: "bench", Partitions: 3, Retention: time.Hour}}); err != nil {
		b.Fatal(err)
	}
	return conn, broker.Addr()
}

func report(b *testing.B) {
	b.ReportMetric(float64(benchBatch)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkPublish compares a batch of a thousand with the client alone.
func BenchmarkPublish(b *testing.B) {
	records := benchRecords()
	b.Run("kafkabus", func(b *testing.B) {
		conn, _ := benchConn(b)
		for b.Loop() {
			if err := conn.Publish(b.Context(), records); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("franz-go", func(b *testing.B) {
		_, addr := benchConn(b)
		client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		for b.Loop() {
			out := make([]*kgo.Record, len(records))
			for i, r := range records {
				out[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
				for _, h := range r.Headers {
					out[i].Headers = append(out[i].Headers, kgo.RecordHeader(h))
				}
			}
			if err := client.ProduceSync(b.Context(), out...).FirstErr(); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}

// BenchmarkFetch compares reading what was published with the client alone.
func BenchmarkFetch(b *testing.B) {
	b.Run("kafkabus", func(b *testing.B) {
		conn, _ := benchConn(b)
		fill(b, conn)
		c := &counter{ctx: b.Context(), left: int64(b.N * benchBatch), done: make(chan struct{})}
		b.ResetTimer()
		if _, err := conn.Join(b.Context(), "bench", []string{"bench"}, c); err != nil {
			b.Fatal(err)
		}
		<-c.done
		report(b)
	})
	b.Run("franz-go", func(b *testing.B) {
		conn, addr := benchConn(b)
		fill(b, conn)
		b.ResetTimer()
		client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumerGroup("bench"), kgo.ConsumeTopics("bench"))
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		for left := b.N * benchBatch; left > 0; {
			left -= client.PollFetches(b.Context()).NumRecords()
		}
		report(b)
	})
}

// counter fetches from every partition as the router does, and counts.
type counter struct {
	ctx  context.Context
	left int64
	done chan struct{}
}

func (c *counter) Assigned(p driver.Partition) {
	go func() {
		if _, err := p.Seek(c.ctx, driver.Earliest); err != nil {
			return
		}
		for {
			records, err := p.Fetch(c.ctx, 100, 1<<20)
			if err != nil {
				return
			}
			p.Commit(records[len(records)-1].Offset + 1)
			if atomic.AddInt64(&c.left, -int64(len(records))) == 0 {
				close(c.done)
			}
		}
	}()
}

func (c *counter) Revoked(driver.Partition) {}

func fill(b *testing.B, conn *kafkabus.Conn) {
	b.Helper()
	records := benchRecords()
	for range b.N {
		if err := conn.Publish(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
}
