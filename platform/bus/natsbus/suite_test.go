package natsbus_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
	"github.com/pulselearn/campus-hub/platform/embedded/nats"
)

// NATS headers are a map: values of one name keep their order, names do not,
// and no value is not apart from an empty one.
var features = drivertest.Features{Tombstones: true, EmptyKeys: true, UnorderedHeaders: true}

// idle is short, so that the suite need not wait for members that died.
const idle = 300 * time.Millisecond

func TestConformance(t *testing.T)           { conformance(t, false) }
func TestConformanceSyncAlways(t *testing.T) { conformance(t, true) }

func conformance(t *testing.T, syncAlways bool) {
	if testing.Short() {
		t.Skip("SKIPPED in short mode: the suite on NATS waits in real time")
	}
	drivertest.Run(t, drivertest.Harness{
		Features: features,
		Patience: 2 * time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			return embedded(t, nats.Options{Addr: "127.0.0.1:0", SyncAlways: syncAlways})
		},
	})
}

// embedded runs the embedded server on disk.
func embedded(t *testing.T, o nats.Options) drivertest.Broker {
	t.Helper()
	o.DataDir, o.Logger = t.TempDir(), slog.New(slog.DiscardHandler)
	var broker *nats.Broker
	start := func(t *testing.T) {
		t.Helper()
		var err error
		if broker, err = nats.Start(o); err != nil {
			t.Fatal(err)
		}
		o.Addr = broker.Addr()
	}
	start(t)
	stop := func(t *testing.T) {
		t.Helper()
		if err := broker.Close(); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	}
	t.Cleanup(func() { stop(t) })
	return drivertest.Broker{
		Start: start, Stop: stop,
		Open: func(t *testing.T) driver.Conn { return open(t, o.Addr) },
		Truncate: func(t *testing.T, topic string, partition int32, below int64) {
			stream, err := stranger(t, o.Addr).Stream(t.Context(), strings.ReplaceAll(topic, ".", "-")+"-"+strconv.Itoa(int(partition)))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(uint64(below)+1)); err != nil {
				t.Fatal(err)
			}
		},
		Committed: func(t *testing.T, group, topic string, partition int32) int64 {
			return committed(t, stranger(t, o.Addr), group, topic, partition)
		},
	}
}

func open(t testing.TB, addr string) *natsbus.Conn {
	t.Helper()
	conn, err := natsbus.Open(natsbus.Config{Servers: []string{addr}, Idle: idle, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// stranger is a client that knows nothing of this package.
func stranger(t testing.TB, addr string) jetstream.JetStream {
	t.Helper()
	nc, err := natsgo.Connect(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func committed(t *testing.T, js jetstream.JetStream, group, topic string, partition int32) int64 {
	t.Helper()
	bucket, err := js.KeyValue(t.Context(), "pl-groups")
	if err != nil {
		t.Fatal(err)
	}
	slashes := strings.NewReplacer(".", "/")
	e, err := bucket.Get(context.Background(), slashes.Replace(group)+".next."+slashes.Replace(topic)+"."+strconv.Itoa(int(partition)))
	if err != nil {
		return -1
	}
	next, err := strconv.ParseInt(string(e.Value()), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return next
}
