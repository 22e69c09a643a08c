package nats_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
)

// Batches of one key are published without a pause while the server, or the
// leader of the partition, goes away in the middle of them. Each batch is
// published once: what the driver does about it leaves every record there, in
// order, and none of them twice.
func TestBatchesSurvive(t *testing.T) {
	t.Run("a server is killed and started", func(t *testing.T) {
		server := nats.Start(t, nats.Relaxed())
		survive(t, 1, []string{server.Addr()}, func(t *testing.T, _ jetstream.Stream) { server.Restart(t) })
	})
	cluster := nats.StartCluster(t, 3, nats.Relaxed())
	t.Run("another leader is elected", func(t *testing.T) {
		survive(t, 3, cluster.Addrs(), func(t *testing.T, s jetstream.Stream) { stepDown(t, cluster, s.CachedInfo().Config.Name) })
	})
	t.Run("a leader is killed", func(t *testing.T) {
		survive(t, 3, cluster.Addrs(), func(t *testing.T, s jetstream.Stream) {
			cluster.Named(leader(t, s)).Restart(t)
		})
	})
}

const (
	disturbances  = 2                       // at least, and until one has hit a fast batch
	betweenThem   = 1200 * time.Millisecond // fast batches are tried again by then
	batchToPass   = 700
	batchesAfter  = 3
	surviveWithin = 3 * time.Minute
)

func survive(t *testing.T, replicas int, addrs []string, disturb func(*testing.T, jetstream.Stream)) {
	ctx, cancel := context.WithTimeout(t.Context(), surviveWithin)
	defer cancel()
	var broken failures
	conn, err := natsbus.Open(natsbus.Config{Servers: addrs, Replicas: replicas, Idle: idle, Logger: slog.New(&broken)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	topic := "pl.batches." + strconv.FormatInt(time.Now().UnixNano(), 10)
	if err := conn.EnsureTopics(ctx, []driver.Topic{{Name: topic, Partitions: 1, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	stream, err := stranger(t, addrs...).Stream(ctx, streamOf(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	calm := make(chan struct{})
	published := make(chan int, 1)
	var publishing sync.WaitGroup
	publishing.Go(func() { published <- publishBatches(ctx, t, conn, topic, calm) })
	defer publishing.Wait()
	defer cancel()
	for n := 0; n < disturbances || broken.count.Load() == 0 && ctx.Err() == nil; n++ {
		<-time.After(betweenThem)
		disturb(t, stream)
	}
	close(calm)
	n := <-published
	inOrder(ctx, t, stream, n)
	t.Logf("%d records; %d fast batches were broken off", n, broken.count.Load())
	if broken.count.Load() == 0 {
		t.Error("no fast batch was disturbed")
	}
}

// failures counts what the driver says of fast batches that did not succeed.
type failures struct{ count atomic.Int64 }

func (f *failures) Enabled(context.Context, slog.Level) bool { return true }

func (f *failures) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "a fast batch did not succeed") {
		f.count.Add(1)
	}
	return nil
}

func (f *failures) WithAttrs([]slog.Attr) slog.Handler { return f }
func (f *failures) WithGroup(string) slog.Handler      { return f }

// publishBatches publishes numbers in batches until some have followed the
// calm, and returns how many.
func publishBatches(ctx context.Context, t *testing.T, conn driver.Conn, topic string, calm <-chan struct{}) (n int) {
	for left := batchesAfter; left > 0; {
		select {
		case <-calm:
			left--
		default:
		}
		batch := make([]*driver.Record, batchToPass)
		for i := range batch {
			batch[i] = &driver.Record{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, n+i)}
		}
		if err := conn.Publish(ctx, batch); err != nil {
			t.Errorf("publish from %d on: %v", n, err)
			return n
		}
		n += len(batch)
	}
	return n
}

// inOrder checks that a stream has the first n numbers and nothing else.
func inOrder(ctx context.Context, t *testing.T, s jetstream.Stream, n int) {
	t.Helper()
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	for i := range n {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatalf("after %d of %d records: %v", i, n, err)
		}
		if string(msg.Data()) != strconv.Itoa(i) {
			t.Fatalf("record %d of %d is %q", i, n, msg.Data())
		}
	}
	info, err := s.Info(ctx)
	if err != nil || info.State.Msgs != uint64(n) {
		t.Errorf("the stream has %d records, want %d (%v)", info.State.Msgs, n, err)
	}
}

// stepDown makes a stream's leader give up.
func stepDown(t *testing.T, cluster *nats.Cluster, stream string) {
	t.Helper()
	nc := dial(t, cluster.Addrs()...)
	answer, err := nc.RequestWithContext(t.Context(), "$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil)
	if err != nil || !strings.Contains(string(answer.Data), `"success":true`) {
		t.Fatalf("%s (%v)", answer.Data, err)
	}
}

// leader waits until a stream has one, and returns its name.
func leader(t *testing.T, s jetstream.Stream) string {
	t.Helper()
	for {
		info, err := s.Info(t.Context())
		if err == nil && info.Cluster != nil && info.Cluster.Leader != "" {
			return info.Cluster.Leader
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("the stream has no leader: %v", err)
		}
	}
}
