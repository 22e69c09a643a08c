package kafkabus_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

// reader seeks every partition to the oldest record and passes records on.
type reader struct {
	ctx     context.Context
	records chan *driver.Record
}

func (r *reader) Assigned(p driver.Partition) {
	go func() {
		if _, err := p.Seek(r.ctx, driver.Earliest); err != nil {
			return
		}
		for {
			records, err := p.Fetch(r.ctx, 100, 1<<20)
			if err != nil {
				return
			}
			for _, rec := range records {
				r.records <- rec
			}
			p.Commit(records[len(records)-1].Offset + 1)
		}
	}()
}

func (r *reader) Revoked(driver.Partition) {}

// A broker, a producer and a consumer live through fifty hours of virtual time,
// with a record an hour.
func TestBubble(t *testing.T) {
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		var network kafka.Network
		broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:9092", Listen: network.Listen})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := kafkabus.Open(kafkabus.Config{
			Brokers: []string{broker.Addr()}, Dial: network.Dial, Logger: slog.New(slog.DiscardHandler),
			Idle: 5 * time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.EnsureTopics(t.Context(), []driver.Topic{{Name: "t", Partitions: 3, Retention: time.Hour * 1000}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := &reader{ctx: ctx, records: make(chan *driver.Record, 100)}
		member, err := conn.Join(ctx, "g", []string{"t"}, r)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for hour := range 50 {
			value := fmt.Sprintf("hour %d", hour)
			if err := conn.Publish(ctx, []*driver.Record{{Topic: "t", Key: []byte(value), Value: []byte(value)}}); err != nil {
				t.Fatal(err)
			}
			if rec := <-r.records; string(rec.Value) != value {
				t.Fatalf("got %q, want %q", rec.Value, value)
			}
			time.Sleep(time.Hour)
		}
		if lived := time.Since(began); lived < 50*time.Hour {
			t.Errorf("lived through %v, want 50h", lived)
		}
		if err := member.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		if err := member.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("fifty virtual hours took %v", time.Since(start))
}
