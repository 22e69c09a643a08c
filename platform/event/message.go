package event

import (
	"sync/atomic"
	"time"
)

// A Type describes one event type. Values are generated from the event's
// schema, are immutable, and may be shared by any number of goroutines.
type Type struct {
	// Topic is the broker's topic and the CloudEvents type,
	// pl.<context>.<event>.v<N>.
	Topic string
	// Context is the bounded context that publishes the event.
	Context string
	// Schema is the registered text: self-contained, minified JSON.
	Schema string
	// Fingerprint is the first eight bytes of SHA-256 over Schema, read as a
	// big-endian number. Code knows fingerprints; registry ids differ per
	// registry and are resolved at start-up.
	Fingerprint uint64
	// Key is the name of the key field, or "" for an unordered event.
	Key string
	// Partitions is the topic's partition count. It never changes.
	Partitions int32
	// Retention is how long the broker keeps the event.
	Retention time.Duration
	// Compatibility is the registry level of the subject, such as
	// FULL_TRANSITIVE.
	Compatibility string
	// Fill puts an empty message into every element of batch, made in one
	// allocation: one of them that is kept keeps them all. Consumers decode a
	// batch into them. Nil makes messages one at a time.
	Fill func(batch []Message)
}

// RegistrySubject returns the Schema Registry subject of the event's value,
// by TopicNameStrategy.
func (t *Type) RegistrySubject() string { return t.Topic + "-value" }

// Source returns the CloudEvents source of events of this type.
func (t *Type) Source() string {
	if t.Context == "" {
		return sourcePrefix
	}
	recent := &sources[(len(t.Context)+int(t.Context[0]))%len(sources)]
	if s := recent.Load(); s != nil && (*s)[len(sourcePrefix):] == t.Context {
		return *s
	}
	s := sourcePrefix + t.Context
	recent.Store(&s)
	return s
}

const sourcePrefix = "/pulselearn/"

// sources are those that were asked for last: a process has few, and needs one
// for each event.
var sources [32]atomic.Pointer[string]

// A Message is one event's payload. Generated event structs implement it on
// their pointer type.
type Message interface {
	// EventType returns the static description of the event.
	EventType() *Type
	// EventKey returns the record key as text, or "" for an unordered event.
	EventKey() string
	// EventSubject returns the CloudEvents subject, or "" when the schema
	// declares none.
	EventSubject() string
	// AppendBinary appends the Avro binary encoding to b, without framing.
	AppendBinary(b []byte) ([]byte, error)
	// UnmarshalBinary replaces the message with the Avro binary data, which
	// must have been written with exactly this type's schema. It keeps no
	// reference to data.
	UnmarshalBinary(data []byte) error
}
