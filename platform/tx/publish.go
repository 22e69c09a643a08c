package tx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// MaxEventSize is the size of the largest event that can be published: its
// Avro encoding, in bytes. Brokers refuse records over 1 MiB by default.
const MaxEventSize = 900 << 10

// maxAttributes is how many bytes the key and the attributes may have. With
// MaxEventSize they fit into the batch of a producer, 1,000,012 bytes.
const maxAttributes = 64 << 10

// Publish adds events to the transaction; they go to the broker after it has
// committed, in this order among those with the same topic and key. The events
// are encoded at once and may be changed afterwards. An event that this
// context does not declare, cannot be encoded, has a key that no attribute can
// hold, or is larger than [MaxEventSize] fails the transaction.
//
// Two versions of one event that are published in one call are taken for the
// same fact: the attribute sameas makes a consumer that moves from one version
// to the other apply it once.
func (t *Tx) Publish(ctx context.Context, events ...event.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.usable(); err != nil {
		return err
	}
	first := len(t.out)
	for _, m := range events {
		if err := t.publish(ctx, m); err != nil {
			t.failed = fmt.Errorf("%s: publish: %w", t.name, err)
			return t.failed
		}
	}
	linkVersions(t.out[first:])
	return nil
}

func (t *Tx) publish(ctx context.Context, m event.Message) error {
	if m == nil {
		return errors.New("the event is nil")
	}
	typ := m.EventType()
	if own, ok := t.store.publishes[typ.Topic]; !ok || own.Fingerprint != typ.Fingerprint {
		return fmt.Errorf("context %s does not declare that it publishes %s with this schema; add it to the contract's option publishes and generate",
			t.store.service.Context, typ.Topic)
	}
	data, err := m.AppendBinary(nil)
	if err != nil {
		return fmt.Errorf("encode %s: %w", typ.Topic, err)
	}
	if len(data) > MaxEventSize {
		return fmt.Errorf("%s has %d bytes, more than the %d that a broker takes; publish a reference to the large part instead",
			typ.Topic, len(data), MaxEventSize)
	}
	o := outbox.Event{Topic: typ.Topic, Fingerprint: typ.Fingerprint, Data: data}
	if typ.Key != "" {
		o.Key = []byte(m.EventKey())
	}
	o.Envelope = t.envelope(ctx, m, o.Key)
	if err := check(&o); err != nil {
		return err
	}
	t.out = append(t.out, o)
	return nil
}

// check refuses what no relay could publish, while it is known who did it.
func check(o *outbox.Event) error {
	if err := o.Envelope.Validate(); err != nil {
		return fmt.Errorf("attributes of %s: %w", o.Topic, err)
	}
	n := len(o.Key) + len(o.Envelope.Subject)
	for i := range o.Envelope.Extensions {
		n += len(o.Envelope.Extensions[i].Value)
	}
	if n > maxAttributes {
		return fmt.Errorf("key and attributes of %s have %d bytes together, more than %d; choose a shorter key",
			o.Topic, n, maxAttributes)
	}
	return nil
}

// envelope makes the event's id, once.
func (t *Tx) envelope(ctx context.Context, m event.Message, key []byte) event.Envelope {
	typ := m.EventType()
	e := event.Envelope{
		ID: event.NewIDAt(t.now), Source: typ.Source(), Type: typ.Topic, Subject: m.EventSubject(),
		Time: t.now, DataContentType: event.ContentTypeAvro,
		Extensions: make([]event.Extension, 0, 7),
	}
	parent, state := t.store.trace(ctx)
	e.Extensions = appendExtension(e.Extensions, event.ExtCausationID, t.cause.causation)
	e.Extensions = appendExtension(e.Extensions, event.ExtCorrelationID, t.cause.correlation)
	e.Extensions = appendExtension(e.Extensions, event.ExtPartitionKey, string(key))
	e.Extensions = appendExtension(e.Extensions, event.ExtTraceParent, parent)
	e.Extensions = appendExtension(e.Extensions, event.ExtTraceState, state)
	return e
}

// appendExtension keeps the order by name as long as it is called in it.
func appendExtension(to []event.Extension, name, value string) []event.Extension {
	if value == "" {
		return to
	}
	return append(to, event.Extension{Name: name, Value: value})
}

// linkVersions gives the n-th event of each further version of an event the id
// of the n-th event of the version that came first.
func linkVersions(out []outbox.Event) {
	if len(out) < 2 {
		return
	}
	byTopic := make(map[string][]int)
	leader := make(map[string]string) // the first topic of each event
	for i := range out {
		topic := out[i].Topic
		family := topic[:strings.LastIndexByte(topic, '.')+1]
		if _, ok := leader[family]; !ok {
			leader[family] = topic
		}
		n := len(byTopic[topic])
		byTopic[topic] = append(byTopic[topic], i)
		if lead := leader[family]; lead != topic && n < len(byTopic[lead]) {
			out[i].Envelope.SetExtension(event.ExtSameAs, out[byTopic[lead][n]].Envelope.ID, event.String)
		}
	}
}
