package kafkabus

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// producerOptions: every in-sync replica has the record before it counts as
// written, the broker drops what the client itself sends twice, and a key's
// partition is murmur2 of it, as Kafka's own producer has it. A publish whose
// context ends gives up records that the broker may have, because consumers
// settle duplicates; without that it would wait for a broker that is away.
func producerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(0),
		kgo.AllowIdempotentProduceCancellation(),
	}
}

// Publish implements [driver.Conn]. While the brokers are away it waits for
// them, as long as ctx allows.
func (c *Conn) Publish(ctx context.Context, records []*driver.Record) error {
	if len(records) == 0 {
		return nil
	}
	for _, res := range c.out.ProduceSync(ctx, toKafka(records)...) {
		if res.Err != nil {
			return c.publishError(res.Record, res.Err)
		}
	}
	return nil
}

func (c *Conn) publishError(rec *kgo.Record, err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("kafka: publish: topic %s does not exist; create it with `pl-gen topics apply`: %w", rec.Topic, err)
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("kafka: publish: a record of %d bytes is larger than topic %s allows (max.message.bytes): %w",
			len(rec.Key)+len(rec.Value), rec.Topic, err)
	}
	return c.explain("publish to "+rec.Topic, err)
}

// toKafka converts records in three allocations.
func toKafka(records []*driver.Record) []*kgo.Record {
	n := 0
	for _, r := range records {
		n += len(r.Headers)
	}
	out := make([]*kgo.Record, len(records))
	slab := make([]kgo.Record, len(records))
	headers := make([]kgo.RecordHeader, 0, n)
	for i, r := range records {
		from := len(headers)
		for _, h := range r.Headers {
			headers = append(headers, kgo.RecordHeader(h))
		}
		slab[i] = kgo.Record{
			Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Time,
			Headers: headers[from:len(headers):len(headers)],
		}
		out[i] = &slab[i]
	}
	return out
}
