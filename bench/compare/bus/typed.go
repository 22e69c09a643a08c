package main

import (
	"context"
	"errors"
	"fmt"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// typedRecord goes from the event to the record: id, attributes, their check,
// Avro, frame and headers.
func typedRecord(topic string, m event.Message) (*driver.Record, error) {
	data, err := m.AppendBinary(schema.AppendFrame(make([]byte, 0, 320), schemaID))
	if err != nil {
		return nil, err
	}
	env := envelope(m)
	if err := env.Validate(); err != nil {
		return nil, err
	}
	return &driver.Record{
		Topic: topic, Key: []byte(m.EventKey()), Value: data,
		Headers: event.AppendKafkaHeaders(nil, &env), Time: env.Time,
	}, nil
}

// typedPublish publishes batches of events as the relay does, without the
// database.
func typedPublish(conn driver.Conn, topic string, events []*learning.LessonCompleted) sender {
	return sender{
		workers: shards,
		call: func(ctx context.Context, _ int) (int, error) {
			records := make([]*driver.Record, len(events))
			for i, e := range events {
				var err error
				if records[i], err = typedRecord(topic, e); err != nil {
					return 0, err
				}
			}
			return len(records), conn.Publish(ctx, records)
		},
		close: conn.Close,
	}
}

// driverPublish publishes prepared bytes: the driver's share of typedPublish.
func driverPublish(conn driver.Conn, topic string, messages []message) sender {
	return sender{
		workers: shards,
		call: func(ctx context.Context, _ int) (int, error) {
			records := make([]*driver.Record, len(messages))
			for i := range messages {
				m := &messages[i]
				records[i] = &driver.Record{Topic: topic, Key: m.key, Value: m.value, Headers: m.headers, Time: m.time}
			}
			return len(records), conn.Publish(ctx, records)
		},
		close: conn.Close,
	}
}

// typedConsume runs the router over a store that has nothing to store.
func typedConsume(conn driver.Conn, group string, c *counter) (func() error, error) {
	router, err := bus.NewRouter(bus.Config{
		Group: group, Conn: conn, Logger: quiet,
		Store:   discard{c},
		Decoder: decoder{schema.NewDecoder(staticRegistry{})},
		Routes: []bus.Route{{
			Consumer: "bench.OnLessonCompleted", Type: learning.LessonCompletedType,
			New: func() event.Message { return new(learning.LessonCompleted) },
		}},
	})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- router.Run(context.Background()) }()
	return func() error {
		return errors.Join(router.Close(context.Background()), <-done, conn.Close())
	}, nil
}

// discard is a [bus.Store] without a database.
type discard struct{ *counter }

func (discard) Claim(_ context.Context, r *bus.Route, partition int32) (bus.Claim, error) {
	return bus.Claim{
		Position: bus.Position{Consumer: r.Consumer, Topic: r.Type.Topic, Partition: partition},
		Epoch:    1, Next: driver.Earliest,
	}, nil
}

func (discard) Move(_ context.Context, c *bus.Claim, next int64) error {
	c.Next = next
	return nil
}

// Apply gives every delivery's event to a handler that looks at it.
func (d discard) Apply(ctx context.Context, c *bus.Claim, batch []*bus.Delivery) (int, error) {
	for i, x := range batch {
		m, err := x.Take(ctx)
		if err != nil {
			return i, &bus.DeliveryError{Index: i, Err: err}
		}
		if e, ok := m.(*learning.LessonCompleted); !ok || e.StudentID != x.Event.Extension(event.ExtPartitionKey) {
			return i, &bus.DeliveryError{Index: i, Err: errors.New("the event is not the one that was published")}
		}
	}
	c.Next = batch[len(batch)-1].Record.Offset + 1
	d.add(len(batch))
	return len(batch), nil
}

// decoder does what the one of package service does.
type decoder struct{ *schema.Decoder }

func (d decoder) Decode(ctx context.Context, r *bus.Route, rec *driver.Record, to *bus.Delivery) error {
	var data []byte
	to.Event, data, to.Err = event.ParseKafka(rec.Headers, rec.Value)
	if to.Err != nil {
		return nil
	}
	if to.Event.Type != r.Type.Topic {
		to.Err = fmt.Errorf("topic %s holds an event of another type", r.Type.Topic)
		return nil
	}
	m := r.New()
	if err := d.Decoder.Decode(ctx, rec.Headers, data, m); err != nil {
		return err
	}
	to.Message = m
	return nil
}

// driverConsume fetches as the router does, and decodes nothing.
type driverConsume struct{ *counter }

func (d driverConsume) Assigned(p driver.Partition) {
	go func() {
		ctx := context.Background()
		if _, err := p.Seek(ctx, driver.Earliest); err != nil {
			return
		}
		for {
			records, err := p.Fetch(ctx, 100, 1<<20)
			if err != nil {
				return
			}
			p.Commit(records[len(records)-1].Offset + 1)
			d.add(len(records))
		}
	}()
}

func (driverConsume) Revoked(driver.Partition) {}

func joinDriver(conn driver.Conn, group string, c *counter) (func() error, error) {
	_, err := conn.Join(context.Background(), group, []string{stored}, driverConsume{c})
	return conn.Close, err
}
