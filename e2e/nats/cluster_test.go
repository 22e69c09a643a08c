package nats_test

import (
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
)

// A single server that is killed again and again while records flow.
func TestKilledServer(t *testing.T) {
	server := nats.Start(t)
	drivertest.Survive(t, drivertest.Trial{
		Open: func(t *testing.T) driver.Conn { return connect(t, 1, server.Addr()) },
		Disturb: func(t *testing.T, _ string) {
			for range 5 {
				server.Restart(t)
			}
		},
	})
}

// Three servers with three replicas of everything, of which the leader of a
// partition is taken away in every way there is.
func TestCluster(t *testing.T) {
	cluster := nats.StartCluster(t, 3)
	for name, take := range map[string]func(t *testing.T, leader *nats.Server){
		"a leader is killed": func(t *testing.T, leader *nats.Server) {
			leader.Kill(t)
			t.Cleanup(func() { leader.Start(t) })
		},
		"a leader is stopped and started": func(t *testing.T, leader *nats.Server) {
			leader.Stop(t)
			leader.Start(t)
		},
		"a leader is paused": func(t *testing.T, leader *nats.Server) {
			leader.Pause(t)
			defer leader.Resume(t)
			<-time.After(6 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.Survive(t, drivertest.Trial{
				Open: func(t *testing.T) driver.Conn { return connect(t, 3, cluster.Addrs()...) },
				Disturb: func(t *testing.T, topic string) {
					take(t, leaderOf(t, cluster, topic))
				},
			})
		})
	}
}

// leaderOf returns the server that leads partition 0, whose stream all three
// have to keep.
func leaderOf(t *testing.T, cluster *nats.Cluster, topic string) *nats.Server {
	t.Helper()
	stream, err := stranger(t, cluster.Addrs()...).Stream(t.Context(), streamOf(topic, 0))
	if err != nil {
		t.Fatal(err)
	}
	info := stream.CachedInfo()
	if info.Config.Replicas != 3 || len(info.Cluster.Replicas) != 2 {
		t.Fatalf("the stream has %d replicas: %+v", info.Config.Replicas, info.Cluster)
	}
	return cluster.Named(info.Cluster.Leader)
}
