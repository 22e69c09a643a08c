//go:build unix

package chaos

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A kafkaBroker is Kafka: a cluster, or the embedded one.
type kafkaBroker struct {
	addrs   []string
	brokers []server
	admin   *kadm.Client
	raw     *kgo.Client
}

func newKafka(cluster *kafka.Cluster) *kafkaBroker {
	k := &kafkaBroker{addrs: cluster.Addrs()}
	for i := range k.addrs {
		k.brokers = append(k.brokers, cluster.Broker(i))
	}
	return k
}

func (k *kafkaBroker) settings() []string {
	return []string{"PL_KAFKA_BROKERS=" + strings.Join(k.addrs, ",")}
}

func (k *kafkaBroker) servers() []server { return k.brokers }

func (k *kafkaBroker) connect(w *world) {
	var err error
	k.raw, err = kgo.NewClient(kgo.SeedBrokers(k.addrs...))
	w.must("connect to Kafka", err)
	w.Cleanup(k.raw.Close)
	k.admin = kadm.NewClient(k.raw)
}

func (k *kafkaBroker) end(w *world, p bus.Position) (int64, error) {
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	ends, err := k.admin.ListEndOffsets(ctx, p.Topic)
	if err != nil {
		return 0, err
	}
	o, _ := ends.Lookup(p.Topic, p.Partition)
	return o.Offset, o.Err
}

func (k *kafkaBroker) produce(w *world, topic string, key, value []byte) {
	k.raw.Produce(w.Context(), &kgo.Record{Topic: topic, Key: key, Value: value}, nil)
}

func (k *kafkaBroker) records(ctx context.Context, w *world, topic string) (all []record) {
	for _, r := range k.read(ctx, w, topic) {
		e, err := envelope(r)
		again := &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: r.Headers}
		all = append(all, record{
			partition: r.Partition, offset: r.Offset, key: r.Key, event: e, err: err,
			again: func() { k.raw.Produce(w.Context(), again, nil) },
		})
	}
	return all
}

func envelope(r *kgo.Record) (event.Envelope, error) {
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header{Key: h.Key, Value: h.Value}
	}
	e, _, err := event.ParseKafka(headers, r.Value)
	return e, err
}

// read reads a topic from its beginning to its end.
func (k *kafkaBroker) read(ctx context.Context, w *world, topic string) []*kgo.Record {
	ends, err := k.admin.ListEndOffsets(ctx, topic)
	if err != nil || ends.Error() != nil {
		return nil
	}
	from := map[int32]kgo.Offset{}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(0), o.Offset
		}
	})
	if len(from) == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.addrs...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	w.must("read "+topic, err)
	defer client.Close()
	var all []*kgo.Record
	for len(left) > 0 && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if r.Offset < left[r.Partition] {
				all = append(all, r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	slices.SortStableFunc(all, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return all
}
