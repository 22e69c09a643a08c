package kafkabus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

func TestTopicAdmin(t *testing.T) {
	broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: []string{broker.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const week = 7 * 24 * time.Hour
	short := driver.TopicState{Name: "pl.a.short.v1", Partitions: 3, Retention: week, Cleanup: "delete"}
	long := driver.TopicState{Name: "pl.a.long.v1", Partitions: 1, Retention: driver.Forever, Cleanup: "compact"}
	foreign := driver.TopicState{Name: "billing", Partitions: 1, Retention: week, Cleanup: "delete"}
	expectTopics(t, conn)
	for _, topic := range []driver.TopicState{short, long, foreign} {
		if err := conn.CreateTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	expectTopics(t, conn, long, short)
	if err := conn.CreateTopic(t.Context(), short); err == nil {
		t.Error("a topic is created twice")
	}
	short.Retention, short.Cleanup = driver.Forever, "compact,delete"
	if err := conn.ConfigureTopic(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	expectTopics(t, conn, long, short)
	if err := conn.DeleteTopic(t.Context(), long.Name); err != nil {
		t.Fatal(err)
	}
	expectTopics(t, conn, short)
	if err := conn.DeleteTopic(t.Context(), long.Name); err == nil {
		t.Error("a topic is deleted twice")
	}
}

func expectTopics(t *testing.T, admin driver.TopicAdmin, want ...driver.TopicState) {
	t.Helper()
	got, err := admin.Topics(t.Context(), "pl.")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the topics are %v (%v), want %v", got, err, want)
	}
}
