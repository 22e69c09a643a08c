package kafka_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

var features = drivertest.Features{Tombstones: true, EmptyKeys: true, NilHeaderValues: true, Compaction: true}

// The suite of package driver on the real broker, through a proxy. Its cases
// share one process, which is empty at the beginning of each; those that take
// the broker away kill it and stop it by turns.
func TestConformance(t *testing.T) {
	var network *faults.Proxy
	broker := kafka.Start(t, kafka.Behind(func(tb testing.TB, addr string) string {
		network = proxyTo(tb, addr)
		return network.Addr()
	}))
	admin := adminOf(t, broker.Addr())
	turn := 0
	stop := func(t *testing.T) {
		if turn++; turn%2 == 1 {
			broker.Kill(t)
		} else {
			broker.Stop(t)
		}
	}
	drivertest.Run(t, drivertest.Harness{
		Features: features,
		Patience: 2 * time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			t.Cleanup(func() { empty(t, admin, broker.Addr()) })
			h := harness(admin, broker.Addr())
			h.Stop, h.Start = stop, func(t *testing.T) { broker.Start(t) }
			h.Network = network
			return h
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

func harness(admin *kadm.Client, addrs ...string) drivertest.Broker {
	return drivertest.Broker{
		Open: func(t *testing.T) driver.Conn { return connect(t, addrs...) },
		Truncate: func(t *testing.T, topic string, partition int32, below int64) {
			offsets := kadm.Offsets{}
			offsets.AddOffset(topic, partition, below, -1)
			if resp, err := admin.DeleteRecords(t.Context(), offsets); err != nil || resp.Error() != nil {
				t.Fatal(err, resp.Error())
			}
		},
		Committed: func(t *testing.T, group, topic string, partition int32) int64 {
			resp, err := admin.FetchOffsets(t.Context(), group)
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

// empty removes the topics and groups of a case. A cluster that has just lost a
// broker may need a moment for that.
func empty(t *testing.T, admin *kadm.Client, addrs ...string) {
	t.Helper()
	conn := connect(t, addrs...)
	defer conn.Close()
	for deadline := time.Now().Add(30 * time.Second); ; {
		err := errors.Join(deleteGroups(admin), deleteTopics(conn))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func deleteGroups(admin *kadm.Client) error {
	ctx := context.Background()
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	resp, err := admin.DeleteGroups(ctx, groups.Groups()...)
	return errors.Join(err, resp.Error())
}

func deleteTopics(conn *kafkabus.Conn) error {
	ctx := context.Background()
	topics, err := conn.Topics(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, topic := range topics {
		if strings.HasPrefix(topic.Name, "__") {
			continue // the broker's own
		}
		errs = append(errs, conn.DeleteTopic(ctx, topic.Name))
	}
	return errors.Join(errs...)
}

func adminOf(t *testing.T, addrs ...string) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func connect(t *testing.T, addrs ...string) *kafkabus.Conn {
	t.Helper()
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: addrs, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
