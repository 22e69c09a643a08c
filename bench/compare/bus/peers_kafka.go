package main

import (
	"context"
	"errors"
	"io"
	"log"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	wm "github.com/ThreeDotsLabs/watermill/message"
	cekafka "github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// callers publish at a time through libraries that take one message a call and
// wait for it: their client makes batches of what they send together.
const callers = 256

func init() { sarama.Logger = log.New(io.Discard, "", 0) }

func saramaConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_0_0_0 // with later versions it waits for ever for kfake's offsets
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Compression = sarama.CompressionSnappy // as franz-go does unless told otherwise
	c.Producer.Return.Successes = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	return c
}

// A caller publishes one event after the other.
func single(publish func(ctx context.Context, m *learning.LessonCompleted) error, end func() error) sender {
	events := lessons()
	next := make([]int, callers)
	return sender{
		workers: callers,
		call: func(ctx context.Context, worker int) (int, error) {
			next[worker]++
			return 1, publish(ctx, events[(worker+next[worker]*callers)%len(events)])
		},
		close: end,
	}
}

// framed is the event in Avro, as all rows carry it.
func framed(m *learning.LessonCompleted) ([]byte, error) {
	return m.AppendBinary(schema.AppendFrame(make([]byte, 0, 320), schemaID))
}

// readFramed is what a handler does with what it gets.
func readFramed(value []byte) error {
	datum, err := unframe(value)
	if err != nil {
		return err
	}
	return new(learning.LessonCompleted).UnmarshalBinary(datum)
}

// watermillMessage has the eight headers as metadata.
func watermillMessage(m *learning.LessonCompleted) (*wm.Message, error) {
	data, err := framed(m)
	if err != nil {
		return nil, err
	}
	msg := wm.NewMessage(watermill.NewUUID(), data)
	msg.Metadata = wm.Metadata{
		"content-type": event.ContentTypeAvro, "ce_specversion": event.SpecVersion, "ce_id": event.NewID(),
		"ce_source": m.EventType().Source(), "ce_type": m.EventType().Topic, "ce_subject": m.EventSubject(),
		"ce_time": time.Now().UTC().Format(time.RFC3339Nano), "ce_partitionkey": m.EventKey(),
	}
	return msg, nil
}

func watermillPublish(b *stage, topic string) (sender, error) {
	publisher, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{
		Brokers:               []string{b.addr},
		OverwriteSaramaConfig: saramaConfig(),
		Marshaler: wmkafka.NewWithPartitioningMarshaler(func(_ string, msg *wm.Message) (string, error) {
			return msg.Metadata.Get("ce_partitionkey"), nil
		}),
	}, watermill.NopLogger{})
	if err != nil {
		return sender{}, err
	}
	return single(func(_ context.Context, m *learning.LessonCompleted) error {
		msg, err := watermillMessage(m)
		if err != nil {
			return err
		}
		return publisher.Publish(topic, msg)
	}, publisher.Close), nil
}

func watermillConsume(b *stage, group string, c *counter) (func() error, error) {
	subscriber, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{
		Brokers:               []string{b.addr},
		OverwriteSaramaConfig: saramaConfig(),
		ConsumerGroup:         group,
	}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	return watermillRouter(stored, subscriber, c)
}

func watermillRouter(topic string, subscriber wm.Subscriber, c *counter) (func() error, error) {
	router, err := wm.NewRouter(wm.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	router.AddNoPublisherHandler("bench", topic, subscriber, func(msg *wm.Message) error {
		if err := readFramed(msg.Payload); err != nil {
			return err
		}
		c.add(1)
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- router.Run(context.Background()) }()
	return func() error { return errors.Join(router.Close(), <-done) }, nil
}

// sdkEvent is the event as the CloudEvents SDK has it.
func sdkEvent(m *learning.LessonCompleted) (cloudevents.Event, error) {
	data, err := framed(m)
	if err != nil {
		return cloudevents.Event{}, err
	}
	e := cloudevents.NewEvent()
	e.SetID(event.NewID())
	e.SetSource(m.EventType().Source())
	e.SetType(m.EventType().Topic)
	e.SetSubject(m.EventSubject())
	e.SetTime(time.Now())
	e.SetExtension(event.ExtPartitionKey, m.EventKey())
	return e, e.SetData(event.ContentTypeAvro, data)
}

func sdkPublish(b *stage, topic string) (sender, error) {
	to, err := cekafka.NewSender([]string{b.addr}, saramaConfig(), topic)
	if err != nil {
		return sender{}, err
	}
	client, err := cloudevents.NewClient(to)
	if err != nil {
		return sender{}, err
	}
	return single(func(ctx context.Context, m *learning.LessonCompleted) error {
		e, err := sdkEvent(m)
		if err != nil {
			return err
		}
		result := client.Send(cekafka.WithMessageKey(ctx, sarama.StringEncoder(m.EventKey())), e)
		if cloudevents.IsUndelivered(result) {
			return result
		}
		return nil
	}, func() error { return to.Close(context.Background()) }), nil
}

func sdkConsume(b *stage, group string, c *counter) (func() error, error) {
	from, err := cekafka.NewConsumer([]string{b.addr}, saramaConfig(), group, stored)
	if err != nil {
		return nil, err
	}
	return sdkReceive(from, from.Close, c)
}

func sdkReceive(from any, end func(context.Context) error, c *counter) (func() error, error) {
	client, err := cloudevents.NewClient(from)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- client.StartReceiver(ctx, func(e cloudevents.Event) error {
			if err := readFramed(e.Data()); err != nil {
				return err
			}
			c.add(1)
			return nil
		})
	}()
	return func() error {
		cancel()
		select {
		case err := <-done:
			return errors.Join(err, end(context.Background()))
		case <-time.After(5 * time.Second): // its receiver waits for what it has handed out
			return end(context.Background())
		}
	}, nil
}
