//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A natsBroker is nats-server processes, one or a cluster. A partition is a
// stream: partition 3 of pl.quiz.v1 is pl-quiz-v1-3 with subject pl.quiz.v1.3.
type natsBroker struct {
	cluster *nats.Cluster
	js      jetstream.JetStream
}

func (n *natsBroker) settings() []string {
	addrs := n.cluster.Addrs()
	return []string{"PL_NATS_SERVERS=" + strings.Join(addrs, ","), "PL_NATS_REPLICAS=" + strconv.Itoa(len(addrs))}
}

func (n *natsBroker) servers() (all []server) {
	for i := range n.cluster.Addrs() {
		all = append(all, n.cluster.Server(i))
	}
	return all
}

func (n *natsBroker) connect(w *world) {
	conn, err := natsgo.Connect(strings.Join(n.cluster.Addrs(), ","), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(100*time.Millisecond))
	w.must("connect to NATS", err)
	w.Cleanup(conn.Close)
	n.js, err = jetstream.New(conn)
	w.must("connect to JetStream", err)
}

func streamOf(topic string, partition int32) string {
	return strings.ReplaceAll(topic, ".", "-") + "-" + strconv.Itoa(int(partition))
}

func (n *natsBroker) end(w *world, p bus.Position) (int64, error) {
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	stream, err := n.js.Stream(ctx, streamOf(p.Topic, p.Partition))
	if err != nil {
		return 0, err
	}
	return int64(stream.CachedInfo().State.LastSeq), nil
}

func (n *natsBroker) produce(_ *world, topic string, key, value []byte) {
	m := natsgo.NewMsg(topic)
	m.Data = value
	partition := uint32(0)
	if key != nil {
		hash := fnv.New32a()
		_, _ = hash.Write(key)
		partition = hash.Sum32() % uint32(partitions(topic))
		m.Header.Set("Pl-Key", url.PathEscape(string(key)))
	}
	m.Subject += "." + strconv.Itoa(int(partition))
	n.publish(m)
}

// publish does not wait: what the server does not take is gone.
func (n *natsBroker) publish(m *natsgo.Msg) { _, _ = n.js.PublishMsgAsync(m) }

func partitions(topic string) int32 {
	for _, d := range everything().Definitions() {
		for _, t := range d.Publishes {
			if t.Topic == topic {
				return t.Partitions
			}
		}
		for i := range d.Consumers {
			if t := d.Consumers[i].Type; t.Topic == topic {
				return t.Partitions
			}
		}
	}
	return 1
}

func (n *natsBroker) records(ctx context.Context, w *world, topic string) (all []record) {
	for p := range partitions(topic) {
		err := n.each(ctx, streamOf(topic, p), func(sequence uint64, m jetstream.Msg) {
			all = append(all, n.record(p, int64(sequence)-1, m))
		})
		if err != nil {
			w.Logf("read %s: %v", topic, err)
			return nil
		}
	}
	return all
}

// each reads a stream from its beginning to its end.
func (n *natsBroker) each(ctx context.Context, stream string, f func(sequence uint64, m jetstream.Msg)) error {
	s, err := n.js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	last := s.CachedInfo().State.LastSeq
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return err
	}
	for at := uint64(0); at < last; {
		batch, err := consumer.Fetch(int(min(last-at, 1000)), jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			return err
		}
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return err
			}
			at = meta.Sequence.Stream
			f(at, m)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: at %d of %d: %w", stream, at, last, ctx.Err())
		}
	}
	return nil
}

func (n *natsBroker) record(partition int32, offset int64, m jetstream.Msg) record {
	r := record{partition: partition, offset: offset}
	if key, ok := m.Headers()["Pl-Key"]; ok {
		text, _ := url.PathUnescape(key[0])
		r.key = []byte(text)
	}
	again := natsgo.NewMsg(m.Subject())
	again.Data = m.Data()
	var headers []event.Header
	for name, values := range m.Headers() {
		if strings.HasPrefix(name, "Nats-") {
			continue // what the server made of the first
		}
		again.Header[name] = slices.Clone(values)
		if !strings.HasPrefix(name, "Pl-") {
			headers = append(headers, event.Header{Key: name, Value: []byte(values[0])})
		}
	}
	r.event, _, r.err = event.ParseNATS(headers, m.Data())
	r.again = func() { n.publish(again) }
	return r
}
