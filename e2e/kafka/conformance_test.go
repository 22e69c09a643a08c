package kafka_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

// The suite of package driver on the real broker. Its cases share one process,
// which is empty at the beginning of each; those that take the broker away
// kill it and stop it by turns.
func TestConformance(t *testing.T) {
	broker := kafka.Start(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	turn := 0
	stop := func(t *testing.T) {
		if turn++; turn%2 == 1 {
			broker.Kill(t)
		} else {
			broker.Stop(t)
		}
	}
	drivertest.Run(t, drivertest.Harness{
		Features: drivertest.Features{Tombstones: true, EmptyKeys: true, NilHeaderValues: true, Compaction: true},
		Patience: time.Minute,
		Broker: func(t *testing.T) drivertest.Broker {
			t.Cleanup(func() { empty(t, broker, admin) })
			return harness(broker, admin, stop)
		},
	})
}

func harness(broker *kafka.Broker, admin *kadm.Client, stop func(t *testing.T)) drivertest.Broker {
	return drivertest.Broker{
		Open:  func(t *testing.T) driver.Conn { return open(t, broker) },
		Stop:  stop,
		Start: func(t *testing.T) { broker.Start(t) },
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

// empty removes the topics and groups of a case.
func empty(t *testing.T, broker *kafka.Broker, admin *kadm.Client) {
	ctx := context.Background()
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := admin.DeleteGroups(ctx, groups.Groups()...); err != nil || resp.Error() != nil {
		t.Fatal(err, resp.Error())
	}
	conn := open(t, broker)
	defer conn.Close()
	topics, err := conn.Topics(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if strings.HasPrefix(topic.Name, "__") {
			continue // the broker's own
		}
		if err := conn.DeleteTopic(ctx, topic.Name); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, broker *kafka.Broker) *kafkabus.Conn {
	t.Helper()
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
