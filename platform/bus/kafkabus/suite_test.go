package kafkabus_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

var features = drivertest.Features{Tombstones: true, EmptyKeys: true, NilHeaderValues: true, Compaction: true}

// The suite in virtual time, over a network in memory.
func TestConformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Features: features,
		Around:   synctest.Test,
		Patience: 5 * time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			var network kafka.Network
			return embedded(t, kafka.Options{Addr: "127.0.0.1:9092", Listen: network.Listen}, network.Dial)
		},
	})
}

// The suite in real time, over TCP.
func TestConformanceOverTCP(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in short mode: the suite over TCP waits for real heartbeats")
	}
	drivertest.Run(t, drivertest.Harness{
		Features: features,
		Around: func(t *testing.T, f func(t *testing.T)) {
			t.Parallel()
			f(t)
		},
		Patience: 2 * time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			return embedded(t, kafka.Options{Addr: "127.0.0.1:0"}, (&net.Dialer{}).DialContext)
		},
	})
}

type dial = func(ctx context.Context, network, address string) (net.Conn, error)

// embedded runs the embedded broker on disk.
func embedded(t *testing.T, o kafka.Options, dial dial) drivertest.Broker {
	t.Helper()
	o.DataDir, o.Logger = t.TempDir(), slog.New(slog.DiscardHandler)
	var broker *kafka.Broker
	start := func(t *testing.T) {
		t.Helper()
		var err error
		if broker, err = kafka.Start(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		o.Addr = broker.Addr()
	}
	stop := func(t *testing.T) {
		t.Helper()
		if err := broker.Close(); err != nil {
			t.Errorf("stop the broker: %v", err)
		}
	}
	start(t)
	t.Cleanup(func() { stop(t) })
	return drivertest.Broker{
		Start: start, Stop: stop,
		Open: func(t *testing.T) driver.Conn {
			conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{o.Addr}, Dial: dial, Logger: o.Logger})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		},
		Truncate: func(t *testing.T, topic string, partition int32, below int64) {
			admin := adminClient(t, o.Addr, dial)
			defer admin.Close()
			offsets := kadm.Offsets{}
			offsets.AddOffset(topic, partition, below, -1)
			if resp, err := admin.DeleteRecords(context.Background(), offsets); err != nil || resp.Error() != nil {
				t.Fatal(err, resp.Error())
			}
		},
		Committed: func(t *testing.T, group, topic string, partition int32) int64 {
			admin := adminClient(t, o.Addr, dial)
			defer admin.Close()
			resp, err := admin.FetchOffsets(context.Background(), group)
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := resp.Lookup(topic, partition); ok {
				return o.At
			}
			return -1
		},
	}
}

func adminClient(t *testing.T, addr string, dial dial) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.Dialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	return kadm.NewClient(client)
}
