package nats_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
)

// idle is short, so that the suite need not wait for members that died.
const idle = 500 * time.Millisecond

// The suite of package driver on a nats-server process, through a proxy. Its
// cases share the process, which is empty at the beginning of each; those that
// take the server away kill it and stop it by turns.
func TestConformance(t *testing.T) {
	var network *faults.Proxy
	server := nats.Start(t, nats.Behind(func(tb testing.TB, addr string) string {
		network = proxyTo(tb, addr)
		return network.Addr()
	}))
	turn := 0
	drivertest.Run(t, drivertest.Harness{
		Features: drivertest.Features{Tombstones: true, EmptyKeys: true, UnorderedHeaders: true},
		Patience: 2 * time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			t.Cleanup(func() { empty(t, server) })
			return drivertest.Broker{
				Open:      func(t *testing.T) driver.Conn { return connect(t, 1, server.Addr()) },
				Truncate:  func(t *testing.T, topic string, p int32, below int64) { truncate(t, server, topic, p, below) },
				Committed: func(t *testing.T, group, topic string, p int32) int64 { return committed(t, server, group, topic, p) },
				Network:   network,
				Start:     func(t *testing.T) { server.Start(t) },
				Stop: func(t *testing.T) {
					if turn++; turn%2 == 1 {
						server.Kill(t)
					} else {
						server.Stop(t)
					}
				},
			}
		},
	})
}

func proxyTo(tb testing.TB, addr string) *faults.Proxy {
	tb.Helper()
	p, err := faults.NewProxy(addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

func connect(t *testing.T, replicas int, addrs ...string) *natsbus.Conn {
	t.Helper()
	conn, err := natsbus.Open(natsbus.Config{Servers: addrs, Replicas: replicas, Idle: idle, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// stranger is a client that knows nothing of the driver.
func stranger(t *testing.T, addrs ...string) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(dial(t, addrs...))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func dial(t *testing.T, addrs ...string) *natsgo.Conn {
	t.Helper()
	nc, err := natsgo.Connect(strings.Join(addrs, ","))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// streamOf is the stream of a partition, as the driver's documentation says.
func streamOf(topic string, partition int32) string {
	return strings.ReplaceAll(topic, ".", "-") + "-" + strconv.Itoa(int(partition))
}

func truncate(t *testing.T, server *nats.Server, topic string, partition int32, below int64) {
	t.Helper()
	stream, err := stranger(t, server.Addr()).Stream(t.Context(), streamOf(topic, partition))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(uint64(below)+1)); err != nil {
		t.Fatal(err)
	}
}

func committed(t *testing.T, server *nats.Server, group, topic string, partition int32) int64 {
	t.Helper()
	bucket, err := stranger(t, server.Addr()).KeyValue(t.Context(), "pl-groups")
	if err != nil {
		t.Fatal(err)
	}
	slashes := strings.NewReplacer(".", "/")
	e, err := bucket.Get(t.Context(), slashes.Replace(group)+".next."+slashes.Replace(topic)+"."+strconv.Itoa(int(partition)))
	if err != nil {
		return -1
	}
	next, err := strconv.ParseInt(string(e.Value()), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// empty removes what a case has left.
func empty(t *testing.T, server *nats.Server) {
	t.Helper()
	ctx := context.Background()
	js := stranger(t, server.Addr())
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		if err := js.DeleteStream(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if names.Err() != nil {
		t.Error(names.Err())
	}
}
