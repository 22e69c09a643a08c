package platformtest

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// Given publishes events, each as the context that owns it would, and waits
// until everything that follows from them is done. See [Harness.Quiet].
func (h *Harness) Given(events ...event.Message) {
	h.T.Helper()
	h.Publish(events...)
	h.Quiet()
}

// Publish publishes events as Given does, and does not wait.
func (h *Harness) Publish(events ...event.Message) {
	h.T.Helper()
	records := make([]*driver.Record, len(events))
	for i, m := range events {
		records[i] = h.record(m)
	}
	for range h.fuse.copies() {
		h.must("publish", h.conn.Publish(h.T.Context(), records))
	}
}

// record frames an event as its context's outbox does.
func (h *Harness) record(m event.Message) *driver.Record {
	h.T.Helper()
	t := m.EventType()
	h.must("create the topic", h.conn.EnsureTopics(h.T.Context(), []driver.Topic{
		{Name: t.Topic, Partitions: t.Partitions, Retention: t.Retention}}))
	h.must("register the schema", h.ids.Resolve(h.T.Context(), t))
	id, _ := h.ids.ID(t.Fingerprint)
	value, err := m.AppendBinary(schema.AppendFrame(nil, id))
	h.must("encode "+t.Topic, err)
	now := time.Now().UTC().Truncate(time.Microsecond)
	envelope := event.Envelope{
		ID: event.NewID(), Source: t.Source(), Type: t.Topic, Subject: m.EventSubject(),
		Time: now, DataContentType: event.ContentTypeAvro,
	}
	h.given[envelope.ID] = true
	record := &driver.Record{
		Topic: t.Topic, Value: value, Time: now,
		Headers: event.AppendKafkaHeaders(nil, &envelope),
	}
	if t.Key != "" {
		record.Key = []byte(m.EventKey())
	}
	return record
}

// Published returns the events of type E that the contexts under test have
// published, without those that the test itself published. E is the pointer
// type of an event. Events with the same key are in their order.
func Published[E interface {
	*T
	event.Message
}, T any](h *Harness) []E {
	h.T.Helper()
	var found []E
	topic := E(new(T)).EventType().Topic
	for _, record := range h.records(topic) {
		envelope, data, err := event.ParseKafka(headers(record), record.Value)
		h.must("read "+topic, err)
		if h.given[envelope.ID] {
			continue
		}
		_, datum, err := schema.ParseFrame(data)
		h.must("read "+topic, err)
		e := E(new(T))
		h.must("decode "+topic, e.UnmarshalBinary(datum))
		found = append(found, e)
	}
	return found
}

// One returns the event of type E that the contexts under test have published.
// When there is none, or more than one, the test ends.
func One[E interface {
	*T
	event.Message
}, T any](h *Harness) E {
	h.T.Helper()
	found := Published[E](h)
	if len(found) != 1 {
		h.T.Fatalf("%d events of %s were published, want exactly one", len(found), E(new(T)).EventType().Topic)
	}
	return found[0]
}

func headers(r *kgo.Record) []event.Header {
	out := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		out[i] = event.Header(h)
	}
	return out
}

// records reads a topic from its beginning to its end. A topic that does not
// exist is empty.
func (h *Harness) records(topic string) []*kgo.Record {
	h.T.Helper()
	ends := h.ends(topic)
	left, from := 0, map[int32]kgo.Offset{}
	for partition, end := range ends {
		if end > 0 {
			left += int(end)
			from[partition] = kgo.NewOffset().AtStart()
		}
	}
	if left == 0 {
		return nil
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(kafkaAddr), kgo.Dialer(h.network.Dial),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	h.must("read "+topic, err)
	defer reader.Close()
	return h.readAll(reader, topic, left)
}

func (h *Harness) readAll(reader *kgo.Client, topic string, left int) []*kgo.Record {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(h.T.Context(), startWithin)
	defer cancel()
	var records []*kgo.Record
	for len(records) < left {
		fetches := reader.PollFetches(ctx)
		h.must("read "+topic, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

// ends returns the offset after the last record of every partition.
func (h *Harness) ends(topic string) map[int32]int64 {
	h.T.Helper()
	listed, err := h.admin.ListEndOffsets(h.T.Context(), topic)
	h.must("list the offsets of "+topic, err)
	ends := map[int32]int64{}
	for _, offset := range listed.Offsets()[topic] {
		ends[offset.Partition] = offset.At
	}
	return ends
}
