package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
)

// Three brokers, of which one is taken away at a time in every way there is,
// and at last for good.
func TestCluster(t *testing.T) {
	cluster := kafka.StartCluster(t, 3)
	admin := adminOf(t, cluster.Addrs()...)
	for name, take := range map[string]func(t *testing.T, leader *kafka.Broker){
		"a leader is killed": func(t *testing.T, leader *kafka.Broker) {
			leader.Kill(t)
			t.Cleanup(func() { leader.Start(t) })
		},
		"a leader is stopped and started": func(t *testing.T, leader *kafka.Broker) {
			leader.Stop(t)
			leader.Start(t)
		},
		"a leader is paused": func(t *testing.T, leader *kafka.Broker) {
			leader.Pause(t)
			defer leader.Resume(t)
			<-time.After(5 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.Survive(t, drivertest.Trial{
				Open: func(t *testing.T) driver.Conn { return connect(t, cluster.Addrs()...) },
				Disturb: func(t *testing.T, topic string) {
					take(t, cluster.ByID(leaderOf(t, admin, topic)))
				},
			})
		})
	}
	t.Run("with one dead", func(t *testing.T) {
		cluster.Broker(0).Kill(t)
		drivertest.Run(t, drivertest.Harness{
			Features: features,
			Patience: 2 * time.Minute,
			Only:     []string{"topics", "admin", "publish", "group"},
			Broker: func(t *testing.T) drivertest.Broker {
				t.Cleanup(func() { empty(t, admin, cluster.Addrs()...) })
				return harness(admin, cluster.Addrs()...)
			},
		})
	})
}

// leaderOf returns the broker that leads partition 0.
func leaderOf(t *testing.T, admin *kadm.Client, topic string) int32 {
	t.Helper()
	topics, err := admin.ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return topics[topic].Partitions[0].Leader
}
