package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// ackWithin and ten seconds more are when a connection on which a publish is
// not answered is given up.
const ackWithin = 5 * time.Second

// producerOptions: every in-sync replica has the record before it counts as
// written, the broker drops what the client itself sends twice, and a key's
// partition is murmur2 of it, as Kafka's own producer has it. A publish whose
// context ends gives up records that the broker may have, because consumers
// settle duplicates; without that it would wait for a broker that is away. A
// broker that waits longer than ackWithin for its replicas says so, and is
// asked again.
func producerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(0),
		kgo.AllowIdempotentProduceCancellation(),
		kgo.ProduceRequestTimeout(ackWithin),
	}
}

// Publish implements [driver.Conn]. While the brokers are away it waits for
// them, as long as ctx allows, and no longer: the client keeps records that are
// on their way to a broker that is silent until their request times out.
func (c *Conn) Publish(ctx context.Context, records []*driver.Record) error {
	var last error
	out := toKafka(records)
	for left := out.records; len(left) > 0; {
		p := &publication{left: len(left), done: make(chan struct{})}
		for _, rec := range left {
			c.out.Produce(ctx, rec, p.settle)
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return c.unacknowledged(ctx, left[0], last)
		}
		if p.refused != nil {
			return c.publishError(p.refused, p.why)
		}
		last = p.last
		if left = p.again; len(left) > 0 && !c.goesOn(ctx) {
			return c.unacknowledged(ctx, left[0], last)
		}
	}
	out.release()
	return nil
}

// goesOn waits for a moment, and tells whether publishing may go on then.
func (c *Conn) goesOn(ctx context.Context) bool {
	select {
	case <-time.After(askAgain):
		return ctx.Err() == nil && c.out.Context().Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (c *Conn) unacknowledged(ctx context.Context, rec *kgo.Record, last error) error {
	return c.explain("publish to "+rec.Topic, errors.Join(errNoAck, last, context.Cause(ctx)))
}

var errNoAck = errors.New("not all records were acknowledged")

// A publication waits for the records of one publish. The client settles one
// record at a time, those of a partition in order.
type publication struct {
	left    int
	refused *kgo.Record // the first that the broker does not want, and why
	why     error
	// again are those that the client has given up although the publish has
	// time: no broker was reached, or the context of another publish to the
	// partition has ended.
	again []*kgo.Record
	last  error // why, of the last of them
	done  chan struct{}
}

func (p *publication) settle(rec *kgo.Record, err error) {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled) || unreachable(err):
		p.again, p.last = append(p.again, rec), err
	case p.refused == nil:
		p.refused, p.why = rec, err
	}
	if p.left--; p.left == 0 {
		close(p.done)
	}
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
