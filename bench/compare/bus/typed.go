package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// A relayed batch is what one relay has in memory: it begins to make the next
// when the broker has all of the last.
type relayed struct {
	records []*driver.Record
	slab    []driver.Record
	values  []byte
	headers event.HeaderBlock
}

// fill goes from the events to their records: id, attributes and their check,
// Avro, frame and headers.
func (r *relayed) fill(topic string, events []*learning.LessonCompleted) error {
	if r.slab == nil {
		r.records, r.slab = make([]*driver.Record, len(events)), make([]driver.Record, len(events))
		r.values = make([]byte, 0, 400*len(events))
	}
	r.headers.Reset()
	values, now := r.values[:0], time.Now().UTC().Truncate(time.Microsecond)
	for i, m := range events {
		var extensions [1]event.Extension
		e := envelope(m, now, extensions[:0])
		if err := e.Validate(); err != nil {
			return err
		}
		start := len(values)
		values = append(values, m.EventKey()...)
		framed, err := m.AppendBinary(schema.AppendFrame(values, schemaID))
		if err != nil {
			return err
		}
		r.slab[i] = driver.Record{
			Topic: topic, Key: framed[start:len(values):len(values)], Value: framed[len(values):len(framed):len(framed)],
			Headers: r.headers.AppendKafka(&e), Time: now,
		}
		r.records[i], values = &r.slab[i], framed
	}
	return nil
}

// An opener connects to the broker of a stage.
type opener func(b *stage) (driver.Conn, error)

// typedPublish publishes batches of events as the relay does, without the
// database.
func typedPublish(open opener) func(b *stage, topic string) (sender, error) {
	events := lessons()
	return func(b *stage, topic string) (sender, error) {
		conn, err := open(b)
		if err != nil {
			return sender{}, err
		}
		batches := make([]relayed, shards)
		return sender{
			workers: shards,
			call: func(ctx context.Context, worker int) (int, error) {
				b := &batches[worker]
				if err := b.fill(topic, events); err != nil {
					return 0, err
				}
				return len(b.records), conn.Publish(ctx, b.records)
			},
			close: conn.Close,
		}, nil
	}
}

// driverPublish publishes prepared bytes: the driver's share of typedPublish.
func driverPublish(open opener) func(b *stage, topic string) (sender, error) {
	return func(b *stage, topic string) (sender, error) {
		conn, err := open(b)
		if err != nil {
			return sender{}, err
		}
		return sender{
			workers: shards,
			call: func(ctx context.Context, _ int) (int, error) {
				records := make([]*driver.Record, len(b.messages))
				for i := range b.messages {
					m := &b.messages[i]
					records[i] = &driver.Record{Topic: topic, Key: m.key, Value: m.value, Headers: m.headers, Time: m.time}
				}
				return len(records), conn.Publish(ctx, records)
			},
			close: conn.Close,
		}, nil
	}
}

// typedConsume runs the router over a store that has nothing to store.
func typedConsume(open opener) func(b *stage, group string, c *counter) (func() error, error) {
	return func(b *stage, group string, c *counter) (func() error, error) {
		conn, err := open(b)
		if err != nil {
			return nil, err
		}
		router, err := newRouter(conn, group, discard{c})
		if err != nil {
			return nil, err
		}
		done := make(chan error, 1)
		go func() { done <- router.Run(context.Background()) }()
		return func() error {
			return errors.Join(router.Close(context.Background()), <-done, conn.Close())
		}, nil
	}
}

func newRouter(conn driver.Conn, group string, store bus.Store) (*bus.Router, error) {
	return bus.NewRouter(bus.Config{
		Group: group, Conn: conn, Logger: quiet, Store: store,
		Decoder: decoder{schema.NewDecoder(staticRegistry{})},
		Routes: []bus.Route{{
			Consumer: "bench.OnLessonCompleted", Type: learning.LessonCompletedType,
			New: func() event.Message { return new(learning.LessonCompleted) },
		}},
	})
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
			return i, err
		}
		if e, ok := m.(*learning.LessonCompleted); !ok || e.StudentID != x.Event.Extension(event.ExtPartitionKey) {
			return i, errors.New("the event is not the one that was published")
		}
	}
	c.Next = batch[len(batch)-1].Record.Offset + 1
	d.add(len(batch))
	return len(batch), nil
}

func (discard) Plan(context.Context, *bus.Claim) (bus.Plan, error)           { return bus.Plan{}, nil }
func (discard) Redeliver(context.Context, *bus.Claim, []*bus.Delivery) error { return nil }

// decoder does what the one of package service does.
type decoder struct{ *schema.Decoder }

func (d decoder) Decode(ctx context.Context, r *bus.Route, rec *driver.Record, to *bus.Delivery) error {
	var data []byte
	data, to.Err = to.Event.ParseKafka(rec.Headers, rec.Value)
	if to.Err != nil {
		return nil
	}
	if to.Event.Type != r.Type.Topic {
		to.Err = fmt.Errorf("topic %s holds an event of another type", r.Type.Topic)
		return nil
	}
	m := to.Empty(r)
	if err := d.Decoder.Decode(ctx, rec.Headers, data, m); err != nil {
		return err
	}
	to.Message = m
	return nil
}

// driverConsume fetches as the router does, and decodes nothing.
func driverConsume(open opener) func(b *stage, group string, c *counter) (func() error, error) {
	return func(b *stage, group string, c *counter) (func() error, error) {
		conn, err := open(b)
		if err != nil {
			return nil, err
		}
		_, err = conn.Join(context.Background(), group, []string{stored}, fetcher{c})
		return conn.Close, err
	}
}

// A fetcher is a [driver.Handler] that only fetches.
type fetcher struct{ *counter }

func (f fetcher) Assigned(p driver.Partition) {
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
			f.add(len(records))
		}
	}()
}

func (fetcher) Revoked(driver.Partition) {}
