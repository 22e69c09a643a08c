package natsbus

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

const benchBatch = 1000

// benchRecords are as the relay publishes them: 282 bytes and ten headers.
func benchRecords() []*driver.Record {
	records := make([]*driver.Record, benchBatch)
	for i := range records {
		headers := []event.Header{{Key: "ce_specversion", Value: []byte("1.0")}}
		for _, name := range []string{"id", "source", "type", "subject", "time", "traceparent", "correlationid", "causationid", "recordedtime"} {
			headers = append(headers, event.Header{Key: "ce_" + name, Value: []byte("0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")})
		}
		records[i] = &driver.Record{Topic: topic, Key: fmt.Append(nil, i), Value: make([]byte, 282), Headers: headers}
	}
	return records
}

func report(b *testing.B) {
	b.ReportMetric(float64(benchBatch)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkPublish compares batches of a thousand with what the NATS client
// alone does: asynchronous publishes, and all acknowledgements awaited.
func BenchmarkPublish(b *testing.B) {
	for name, syncAlways := range map[string]bool{"default": false, "sync_always": true} {
		for _, partitions := range []int32{1, 3, 12} {
			b.Run(fmt.Sprintf("%s/natsbus/partitions=%d", name, partitions), func(b *testing.B) {
				c := start(b, syncAlways)()
				ensure(b, c, partitions)
				records := benchRecords()
				for b.Loop() {
					if err := c.Publish(b.Context(), records); err != nil {
						b.Fatal(err)
					}
				}
				report(b)
			})
		}
		b.Run(name+"/nats.go", func(b *testing.B) {
			c := start(b, syncAlways)()
			ensure(b, c, 1)
			records := benchRecords()
			for b.Loop() {
				publishAsync(b, c, records)
			}
			report(b)
		})
	}
}

// publishAsync publishes the same bytes without this package.
func publishAsync(b *testing.B, c *Conn, records []*driver.Record) {
	b.Helper()
	for _, r := range records {
		msg := &nats.Msg{Subject: topic + ".0", Data: r.Value, Header: make(nats.Header, len(r.Headers))}
		for _, h := range r.Headers {
			msg.Header[h.Key] = []string{string(h.Value)}
		}
		if _, err := c.js.PublishMsgAsync(msg); err != nil {
			b.Fatal(err)
		}
	}
	<-c.js.PublishAsyncComplete()
}

// BenchmarkConsume compares one partition with the client's ordered consumer.
func BenchmarkConsume(b *testing.B) {
	const batches = 20
	c := start(b, false)()
	ensure(b, c, 1)
	for range batches {
		if err := c.Publish(b.Context(), benchRecords()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("natsbus", func(b *testing.B) {
		h := newHandler()
		m, err := c.Join(b.Context(), "pl.bench", []string{topic}, h)
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close(b.Context())
		p := <-h.assigned
		for b.Loop() {
			if _, err := p.Seek(b.Context(), driver.Earliest); err != nil {
				b.Fatal(err)
			}
			for n := 0; n < batches*benchBatch; {
				records, err := p.Fetch(b.Context(), 100, 1<<20)
				if err != nil {
					b.Fatal(err)
				}
				n += len(records)
			}
		}
		b.ReportMetric(batches*benchBatch*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
	b.Run("nats.go", func(b *testing.B) {
		for b.Loop() {
			cons, err := c.js.OrderedConsumer(b.Context(), streamName(topic, 0), jetstream.OrderedConsumerConfig{})
			if err != nil {
				b.Fatal(err)
			}
			it, err := cons.Messages(jetstream.PullMaxMessages(pullMessages))
			if err != nil {
				b.Fatal(err)
			}
			for range batches * benchBatch {
				if _, err := it.Next(); err != nil {
					b.Fatal(err)
				}
			}
			it.Stop()
		}
		b.ReportMetric(batches*benchBatch*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	})
}

// BenchmarkLatency is one record from its publish to its fetch.
func BenchmarkLatency(b *testing.B) {
	c := start(b, false)()
	ensure(b, c, 1)
	h := newHandler()
	m, err := c.Join(b.Context(), "pl.bench", []string{topic}, h)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close(b.Context())
	p := <-h.assigned
	if _, err := p.Seek(b.Context(), driver.Latest); err != nil {
		b.Fatal(err)
	}
	record := benchRecords()[:1]
	var worst time.Duration
	for b.Loop() {
		begin := time.Now()
		if err := c.Publish(b.Context(), record); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Fetch(b.Context(), 1, 1<<20); err != nil {
			b.Fatal(err)
		}
		worst = max(worst, time.Since(begin))
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
}

func BenchmarkSeek(b *testing.B) {
	c := start(b, false)()
	ensure(b, c, 1)
	if err := c.Publish(b.Context(), benchRecords()); err != nil {
		b.Fatal(err)
	}
	h := newHandler()
	m, err := c.Join(b.Context(), "pl.bench", []string{topic}, h)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close(b.Context())
	p := <-h.assigned
	for b.Loop() {
		if _, err := p.Seek(b.Context(), 500); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Fetch(b.Context(), 1, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
