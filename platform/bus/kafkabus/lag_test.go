package kafkabus_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

// A broker follows the cluster's decisions a moment later. The embedded broker
// never does, and the real one rarely long enough to be seen, so these tests
// answer for it.

func lagging(t *testing.T) (*kfake.Cluster, *kafkabus.Conn, *kgo.Client) {
	t.Helper()
	var network kafka.Network
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return network.Listen("tcp", "127.0.0.1:9092") }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	conn, err := kafkabus.Open(kafkabus.Config{Brokers: cluster.ListenAddrs(), Dial: network.Dial, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(network.Dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return cluster, conn, client
}

// seeker seeks what it is assigned.
type seeker struct{ result chan error }

func (s seeker) Assigned(p driver.Partition) {
	go func() {
		_, err := p.Seek(context.Background(), driver.Earliest)
		s.result <- err
	}()
}

func (seeker) Revoked(driver.Partition) {}

// The client itself asks again a few times, and then returns the refusal.
func TestSeekWaitsForALeader(t *testing.T) { synctest.Test(t, seekWaitsForALeader) }

func seekWaitsForALeader(t *testing.T) {
	const refusals = 7
	cluster, conn, _ := lagging(t)
	var refused atomic.Int32
	cluster.ControlKey(kmsg.ListOffsets.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if refused.Add(1) > refusals {
			return nil, nil, false
		}
		return notLeader(r.(*kmsg.ListOffsetsRequest)), nil, true
	})
	s := seeker{make(chan error, 1)}
	if _, err := conn.Join(t.Context(), "g", []string{"t"}, s); err != nil {
		t.Fatal(err)
	}
	if err := <-s.result; err != nil {
		t.Errorf("seek: %v", err)
	}
	if n := refused.Load(); n <= refusals {
		t.Errorf("the broker was asked %d times, want until it leads", n)
	}
}

func notLeader(r *kmsg.ListOffsetsRequest) kmsg.Response {
	resp := r.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, asked := range r.Topics {
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = asked.Topic
		for _, p := range asked.Partitions {
			partition := kmsg.NewListOffsetsResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// A change of topics is answered at once and made when the broker has been
// asked about topics or settings three times after it.
func TestChangesAreSeenWhenTheyReturn(t *testing.T) { synctest.Test(t, changesAreSeenWhenTheyReturn) }

func changesAreSeenWhenTheyReturn(t *testing.T) {
	cluster, conn, client := lagging(t)
	topic := driver.TopicState{Name: "pl.t", Partitions: 1, Retention: time.Hour, Cleanup: "delete"}
	expect := func(want ...driver.TopicState) {
		t.Helper()
		got, err := conn.Topics(t.Context(), "pl.")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the topics are %v (%v), want %v", got, err, want)
		}
	}
	delay(t, cluster, client, kmsg.CreateTopics, kmsg.Metadata, &kmsg.CreateTopicsResponse{
		Topics: []kmsg.CreateTopicsResponseTopic{{Topic: topic.Name}}})
	if err := conn.CreateTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	expect(topic)

	topic.Retention = 2 * time.Hour
	delay(t, cluster, client, kmsg.IncrementalAlterConfigs, kmsg.DescribeConfigs, &kmsg.IncrementalAlterConfigsResponse{
		Resources: []kmsg.IncrementalAlterConfigsResponseResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic.Name}}})
	if err := conn.ConfigureTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	expect(topic)

	delay(t, cluster, client, kmsg.DeleteTopics, kmsg.Metadata, &kmsg.DeleteTopicsResponse{
		Topics: []kmsg.DeleteTopicsResponseTopic{{Topic: &topic.Name}}})
	if err := conn.DeleteTopic(t.Context(), topic.Name); err != nil {
		t.Fatal(err)
	}
	expect()
}

// delay answers the next change itself, and sends it to the cluster after
// three questions.
func delay(t *testing.T, cluster *kfake.Cluster, client *kgo.Client, change, question kmsg.Key, answer kmsg.Response) {
	t.Helper()
	cluster.ControlKey(change.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		answer.SetVersion(r.GetVersion())
		asked := 0
		cluster.ControlKey(question.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			if asked++; asked < 3 {
				return nil, nil, false
			}
			cluster.DropControl()
			go func() {
				if _, err := client.Request(context.Background(), r); err != nil {
					t.Error(err)
				}
			}()
			return nil, nil, false
		})
		return answer, nil, true
	})
}
