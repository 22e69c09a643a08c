package kafkabus

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

// idle is a handler that leaves its partitions alone.
type idle struct{ assigned chan driver.Partition }

func (h idle) Assigned(p driver.Partition) { h.assigned <- p }
func (idle) Revoked(driver.Partition)      {}

// While nobody works, little is fetched; a partition that stands still does
// not hold up the other.
func TestAppetite(t *testing.T) {
	const each = 12_000
	synctest.Test(t, func(t *testing.T) {
		var network kafka.Network
		quiet := slog.New(slog.DiscardHandler)
		broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:9092", Listen: network.Listen, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer broker.Close()
		conn, err := Open(Config{Brokers: []string{broker.Addr()}, Dial: network.Dial, Logger: quiet, Idle: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fillTwo(t, conn, each)

		h := idle{make(chan driver.Partition, 2)}
		if _, err := conn.Join(t.Context(), "g", []string{"t"}, h); err != nil {
			t.Fatal(err)
		}
		one, other := (<-h.assigned).(*partition), (<-h.assigned).(*partition)
		for _, p := range []*partition{one, other} {
			if _, err := p.Seek(t.Context(), driver.Earliest); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute) // virtual
		synctest.Wait()
		// The one that was sought first is fetched until the other has some.
		if n := len(one.queue) + len(other.queue); n > each+3*appetiteRecords {
			t.Errorf("%d of %d records are queued while nobody works", n, 2*each)
		}
		if n := drain(t, one, each); n != each {
			t.Errorf("%s gave %d records of %d", one, n, each)
		}
	})
}

// fillTwo publishes each records to both partitions of a topic.
func fillTwo(t *testing.T, conn *Conn, each int) {
	t.Helper()
	if err := conn.EnsureTopics(t.Context(), []driver.Topic{{Name: "t", Partitions: 2, Retention: driver.Forever}}); err != nil {
		t.Fatal(err)
	}
	noise := rand.NewChaCha8([32]byte{})     // a fetch is limited by what it has compressed
	for _, key := range []string{"a", "d"} { // murmur2 sends them to different partitions
		for n := 0; n < each; n += 1000 {
			records := make([]*driver.Record, 1000)
			for i := range records {
				records[i] = &driver.Record{Topic: "t", Key: []byte(key), Value: make([]byte, 300)}
				_, _ = noise.Read(records[i].Value)
			}
			if err := conn.Publish(t.Context(), records); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func drain(t *testing.T, p *partition, want int) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // virtual
	defer cancel()
	for n < want {
		records, err := p.Fetch(ctx, 100, 1<<20)
		if err != nil {
			t.Errorf("after %d records: %v", n, err)
			return n
		}
		n += len(records)
	}
	return n
}
