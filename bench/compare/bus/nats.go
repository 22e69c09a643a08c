package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	wm "github.com/ThreeDotsLabs/watermill/message"
	cenats "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
)

// natsPartitions is how many streams a topic has here.
const natsPartitions = 4

// onNATS measures on the embedded nats-server.
func onNATS(ctx context.Context, o *options) error {
	broker, err := start("nats", o.embedded)
	if err != nil {
		return err
	}
	defer broker.stop()
	b, err := natsStage(ctx, broker.addr, o.limits)
	if err != nil {
		return err
	}
	if err := o.measure(ctx, "publish, NATS", []*row{
		b.publisher("nats.go", "prepared bytes, batches of 1,000 asynchronous publishes awaited, two at a time", rawNATSPublish),
		b.publisher("nats.go, atomic", "prepared bytes in the server's atomic batches", rawNATSAtomic),
		b.publisher("nats.go, fast", "prepared bytes in the server's fast batches, no message ids: what the order of a key costs at least", rawNATSFast),
		b.publisher("ours, driver", "prepared bytes through natsbus: fast batches, message ids", driverPublish(openNATS)),
		b.publisher("ours, typed (direct)", "struct, id, attributes and their check, Avro, frame, headers, natsbus", typedPublish(openNATS)),
		b.publisher("Watermill", "Avro, metadata, one message a call, 256 callers", watermillNATSPublish),
		b.publisher("CloudEvents SDK", "Avro, SDK event, one message a call, 256 callers", sdkNATSPublish),
	}); err != nil {
		return err
	}
	if err := b.fill(ctx, driverPublish(openNATS)); err != nil {
		return err
	}
	return o.measure(ctx, "consume, NATS", []*row{
		b.consumer("nats.go", "ordered consumers, one a stream, looks at each message", rawNATSConsume),
		b.consumer("nats.go, by hand", "plain subscriptions, requests for messages by hand, no look at gaps and losses", byHandNATSConsume),
		b.consumer("ours, driver", "natsbus, commits batches", driverConsume(openNATS)),
		b.consumer("ours, typed", "router, attributes, Avro into the struct, a store that keeps nothing, commits batches", typedConsume(openNATS)),
		b.consumer("Watermill", "router, Avro into the struct, acknowledges each", watermillNATSConsume),
		b.consumer("CloudEvents SDK", "client, SDK event, Avro into the struct, acknowledges each", sdkNATSConsume),
	})
}

func natsStage(ctx context.Context, addr string, l limits) (*stage, error) {
	messages, err := prepared()
	if err != nil {
		return nil, err
	}
	conn, err := natsbus.Open(natsbus.Config{Servers: []string{addr}, Logger: quiet})
	if err != nil {
		return nil, err
	}
	return &stage{
		addr: addr, messages: messages, limits: l,
		create: func(ctx context.Context, topic string) error {
			return conn.EnsureTopics(ctx, []driver.Topic{{Name: topic, Partitions: natsPartitions, Retention: driver.Forever}})
		},
		drop: func(ctx context.Context, topic string) { _ = conn.DeleteTopic(ctx, topic) },
	}, nil
}

func openNATS(b *stage) (driver.Conn, error) {
	return natsbus.Open(natsbus.Config{Servers: []string{b.addr}, Logger: quiet})
}

func connect(b *stage) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect(b.addr)
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(shards*batch))
	return nc, js, err
}

// natsSubject is the subject of a partition, and natsStream its stream.
func natsSubject(topic string, partition int) string { return fmt.Sprintf("%s.%d", topic, partition) }

func natsStream(topic string, partition int) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(topic, ".", "-"), partition)
}

func rawNATSPublish(b *stage, topic string) (sender, error) {
	nc, js, err := connect(b)
	if err != nil {
		return sender{}, err
	}
	var subjects [natsPartitions]string
	for i := range subjects {
		subjects[i] = natsSubject(topic, i)
	}
	return sender{
		workers: shards,
		call: func(ctx context.Context, _ int) (int, error) {
			acks := make([]jetstream.PubAckFuture, len(b.messages))
			for i := range b.messages {
				msg := rawNATSMessage(subjects[i%natsPartitions], &b.messages[i])
				if acks[i], err = js.PublishMsgAsync(msg); err != nil {
					return 0, err
				}
			}
			for _, ack := range acks {
				select {
				case <-ack.Ok():
				case err := <-ack.Err():
					return 0, err
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
			return batch, nil
		},
		close: func() error { nc.Close(); return nil },
	}, nil
}

func rawNATSMessage(subject string, m *message) *nats.Msg {
	header := make(nats.Header, len(m.natsHeaders))
	for _, h := range m.natsHeaders {
		header[h.Key] = []string{string(h.Value)}
	}
	return &nats.Msg{Subject: subject, Header: header, Data: m.value}
}

func rawNATSConsume(b *stage, _ string, c *counter) (func() error, error) {
	nc, js, err := connect(b)
	if err != nil {
		return nil, err
	}
	for p := range natsPartitions {
		consumer, err := js.OrderedConsumer(context.Background(), natsStream(stored, p), jetstream.OrderedConsumerConfig{})
		if err != nil {
			return nil, err
		}
		_, err = consumer.Consume(func(msg jetstream.Msg) {
			if len(msg.Data()) > 0 && len(msg.Headers()) >= 8 {
				c.add(1)
			}
		}, jetstream.PullMaxMessages(batch))
		if err != nil {
			return nil, err
		}
	}
	return func() error { nc.Close(); return nil }, nil
}

// byHandNATSConsume asks for messages itself, which costs less than the client's
// consumers: what it takes at least where the client reads the headers.
func byHandNATSConsume(b *stage, _ string, c *counter) (func() error, error) {
	nc, js, err := connect(b)
	if err != nil {
		return nil, err
	}
	for p := range natsPartitions {
		config := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true}
		consumer, err := js.CreateConsumer(context.Background(), natsStream(stored, p), config)
		if err != nil {
			return nil, err
		}
		inbox, requests := nc.NewInbox(), "$JS.API.CONSUMER.MSG.NEXT."+natsStream(stored, p)+"."+consumer.CachedInfo().Name
		ask := func(n int) error {
			return nc.PublishRequest(requests, inbox, fmt.Appendf(nil, `{"batch":%d,"expires":30000000000}`, n))
		}
		came := 0
		if _, err := nc.Subscribe(inbox, func(msg *nats.Msg) {
			if len(msg.Data) == 0 || len(msg.Header) < 8 {
				return
			}
			c.add(1)
			if came++; came%(batch/2) == 0 {
				_ = ask(batch / 2)
			}
		}); err != nil {
			return nil, err
		}
		if err := ask(batch); err != nil {
			return nil, err
		}
	}
	return func() error { nc.Close(); return nil }, nil
}

// peers is a stream of one subject for the libraries that know no partitions.
type peers struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	name string
}

func newPeers(b *stage, name string) (*peers, error) {
	nc, js, err := connect(b)
	if err != nil {
		return nil, err
	}
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: name, Subjects: []string{name, name + ".*"}})
	return &peers{nc, js, name}, err
}

func (p *peers) close() error {
	defer p.nc.Close()
	return p.js.DeleteStream(context.Background(), p.name)
}

// fill publishes what a consumer reads.
func (p *peers) fill(b *stage, subject string) error {
	for range min(b.limits.events, 50_000) / batch {
		for i := range b.messages {
			if _, err := p.js.PublishMsgAsync(rawNATSMessage(subject, &b.messages[i])); err != nil {
				return err
			}
		}
		<-p.js.PublishAsyncComplete()
	}
	return nil
}

func watermillNATSPublish(b *stage, topic string) (sender, error) {
	p, err := newPeers(b, "watermill-"+strings.ReplaceAll(topic, ".", "-"))
	if err != nil {
		return sender{}, err
	}
	publisher, err := wmnats.NewPublisher(wmnats.PublisherConfig{URL: "nats://" + b.addr, Logger: watermill.NopLogger{}})
	if err != nil {
		return sender{}, err
	}
	return single(func(_ context.Context, m *learning.LessonCompleted) error {
		msg, err := watermillMessage(m)
		if err != nil {
			return err
		}
		return publisher.Publish(p.name, msg)
	}, func() error { _ = publisher.Close(); return p.close() }), nil
}

func watermillNATSConsume(b *stage, group string, c *counter) (func() error, error) {
	p, err := newPeers(b, "watermill-"+group)
	if err != nil {
		return nil, err
	}
	if err := p.fill(b, p.name); err != nil {
		return nil, err
	}
	subscriber, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
		URL: "nats://" + b.addr, Logger: watermill.NopLogger{}, ResourceInitializer: wmnats.EphemeralConsumer(), AckAsync: true,
	})
	if err != nil {
		return nil, err
	}
	end, err := watermillRouter(p.name, wm.Subscriber(subscriber), c)
	return func() error { _ = end(); return p.close() }, err
}

func sdkNATSPublish(b *stage, topic string) (sender, error) {
	p, err := newPeers(b, "sdk-"+strings.ReplaceAll(topic, ".", "-"))
	if err != nil {
		return sender{}, err
	}
	to, err := cenats.NewSenderFromConn(p.nc, p.name, p.name+".x", nil)
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
		if result := client.Send(ctx, e); cloudevents.IsUndelivered(result) {
			return result
		}
		return nil
	}, p.close), nil
}

func sdkNATSConsume(b *stage, group string, c *counter) (func() error, error) {
	p, err := newPeers(b, "sdk-"+group)
	if err != nil {
		return nil, err
	}
	if err := p.fill(b, p.name+".x"); err != nil {
		return nil, err
	}
	from, err := cenats.NewConsumerFromConn(p.nc, p.name, p.name+".x", nil, []nats.SubOpt{nats.DeliverAll()})
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return sdkReceive(from, func(context.Context) (err error) {
		once.Do(func() { err = p.close() })
		return err
	}, c)
}
