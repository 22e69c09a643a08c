package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

// onKafka measures on the embedded broker, or on those that are named.
func onKafka(ctx context.Context, o *options) error {
	addr := o.brokers
	if addr == "" {
		b, err := start("kafka", o.embedded)
		if err != nil {
			return err
		}
		defer b.stop()
		addr = b.addr
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err
	}
	defer client.Close()
	b, err := kafkaStage(addr, kadm.NewClient(client), o.limits)
	if err != nil {
		return err
	}
	if err := o.measure(ctx, "publish, Kafka", kafkaPublish(b)); err != nil {
		return err
	}
	b.limits = b.limits.steady()
	if err := b.fill(ctx, rawBatches); err != nil {
		return err
	}
	return o.measure(ctx, "consume, Kafka", kafkaConsume(b))
}

func kafkaStage(addr string, admin *kadm.Client, l limits) (*stage, error) {
	messages, err := prepared()
	return &stage{
		addr: addr, messages: messages, limits: l,
		create: func(ctx context.Context, topic string) error {
			if _, err := admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
				return fmt.Errorf("create topic %s: %w", topic, err)
			}
			return nil
		},
		drop: func(ctx context.Context, topic string) { _, _ = admin.DeleteTopics(ctx, topic) },
	}, err
}

func openKafka(b *stage) (driver.Conn, error) {
	return kafkabus.Open(kafkabus.Config{Brokers: []string{b.addr}, Logger: quiet})
}

func kafkaPublish(b *stage) []*row {
	return []*row{
		b.publisher("franz-go", "prepared bytes, batches of 1,000 awaited, two at a time", rawBatches),
		b.publisher("franz-go, pipelined", "prepared bytes, never waits: what a relay must not do", rawPipeline),
		b.publisher("ours, driver", "prepared bytes through kafkabus", driverPublish(openKafka)),
		b.publisher("ours, typed (direct)", "struct, id, attributes and their check, Avro, frame, headers, kafkabus", typedPublish(openKafka)),
		b.publisher("Watermill", "Avro, metadata, one message a call, 256 callers", watermillPublish),
		b.publisher("CloudEvents SDK", "Avro, SDK event, one message a call, 256 callers", sdkPublish),
	}
}

func kafkaConsume(b *stage) []*row {
	return []*row{
		b.consumer("franz-go", "group, polls, looks at each record", rawConsume),
		b.consumer("franz-go, by hand", "headers, attributes and Avro read by code for this one event: the least that it costs", byHandConsume),
		b.consumer("ours, driver", "kafkabus, commits batches", driverConsume(openKafka)),
		b.consumer("ours, typed", "router, attributes, Avro into the struct, a store that keeps nothing, commits batches", typedConsume(openKafka)),
		b.consumer("Watermill", "router, Avro into the struct, acknowledges each", watermillConsume),
		b.consumer("CloudEvents SDK", "client, SDK event, Avro into the struct, acknowledges each", sdkConsume),
	}
}
