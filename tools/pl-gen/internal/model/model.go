// Package model is what the contracts mean: contexts with their events,
// entities, calls and wiring, resolved and free of syntax. It is built by
// [Build] from sources, checked by package lint, and read by the emitters.
// A Model is immutable once built.
package model

import (
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A Pos is a place in a contract, relative to the repository's root.
type Pos = avro.Pos

// A Model is everything that the contracts say.
type Model struct {
	// Module is the Go module path of the repository.
	Module string
	// Contexts are sorted by name.
	Contexts []*Context
	// Events are sorted by topic, over all contexts and versions.
	Events []*Event
	// Records are the shared records of contracts/avro/common, sorted by full
	// name.
	Records []*SharedRecord
}

// A Context is a bounded context: a directory of protos with one annotated
// service, and its events.
type Context struct {
	// Name is the directory's name, for example "achievement".
	Name  string
	Owner string
	Doc   string
	// Service is the annotated service; nil for a context that only has
	// events.
	Service *Service
	// Entities are in contract order.
	Entities []*Entity
	// Publishes are the context's own events, sorted by topic.
	Publishes []*Event
	// Consumes are in contract order.
	Consumes []*Consumer
	// Calls are the contexts whose API this one calls, in contract order.
	Calls []*Context
	// Policies say what those calls do when a context is slow or down, and
	// Sagas are the processes that this one runs, both in contract order.
	Policies []*Policy
	Sagas    []*Saga
	// Channels are the families of realtime channels that the context declares,
	// in contract order.
	Channels []*Channel
	// HTTP are the paths that the context serves over plain HTTP, in contract
	// order.
	HTTP []HTTPPath
	Pos  Pos
}

// An HTTPPath is a path that a context serves with a handler of its own: one
// exact path, or everything below one that ends with a slash.
type HTTPPath struct {
	Path string
	Pos  Pos
}

// An Event is one event type: a record schema in contracts/avro.
type Event struct {
	// Topic is pl.<context>.<event>.v<N>.
	Topic string
	// Context is the publisher's name, the directory under contracts/avro.
	Context string
	// Name is the file's name without extension, in snake case.
	Name string
	// GoName is the record's name, for example "BadgeAwarded".
	GoName string
	// Version is N of v<N>.
	Version int
	// Schema is the parsed record. Shared records are the same *avro.Schema
	// everywhere.
	Schema *avro.Schema
	// Text is the registered text, and Fingerprint its fingerprint.
	Text        []byte
	Fingerprint uint64
	// Key is the key field, nil for an unordered event.
	Key *avro.Field
	// Subject is the field that becomes the CloudEvents subject, or nil.
	Subject       *avro.Field
	Compatibility string
	Partitions    int32
	Retention     time.Duration
	// Realtime is the channel pattern, or "", and RealtimePos where it stands.
	Realtime    string
	RealtimePos Pos
	// Publisher is nil when no context publishes the event.
	Publisher *Context
	Consumers []*Consumer
	// Sagas are those that begin with the event or wait for it.
	Sagas []*Saga
	// File is the schema's path, relative to the repository's root.
	File string
	Pos  Pos
}

// ConsumedBy returns the contexts that read the event, by a handler or a saga,
// each once: the consumers first, then the sagas, in the order of the
// contracts.
func (e *Event) ConsumedBy() []*Context {
	var contexts []*Context
	add := func(c *Context) {
		if !slices.Contains(contexts, c) {
			contexts = append(contexts, c)
		}
	}
	for _, c := range e.Consumers {
		add(c.Context)
	}
	for _, s := range e.Sagas {
		add(s.Context)
	}
	return contexts
}

// A SharedRecord is a named type that several events use.
type SharedRecord struct {
	Schema *avro.Schema
	File   string
}

// A Consumer is one event type consumed by one context.
type Consumer struct {
	Context *Context
	Event   *Event
	// Handler is the Go method, for example "OnQuizCompleted"; the consumer's
	// name is <context>.<Handler>.
	Handler string
	// Latest is true when a new consumer skips what was published before.
	Latest  bool
	Timeout time.Duration
	Retry   Retry
	// SkipDead is true when later events of a key do not wait for a dead one.
	SkipDead bool
	// External is true for a handler whose effect is outside of the context's
	// database: it gets a Call in place of a Tx.
	External bool
	// KeyLimit and HoldLimit are the most deliveries that wait, of one key and
	// of one partition; 0 is the default.
	KeyLimit, HoldLimit int
	Pos                 Pos
}

// A Service is the annotated service of a context.
type Service struct {
	// Name is the proto name, for example "AchievementService".
	Name    string
	Doc     string
	Methods []*Method
	Desc    protoreflect.ServiceDescriptor
	// File is the proto file's path, relative to the repository's root.
	File string
	Pos  Pos
}

// A Method is one unary call.
type Method struct {
	Name string
	Doc  string
	// Query is true for NO_SIDE_EFFECTS: the handler gets a Reader.
	Query bool
	// HTTPVerb and HTTPPath are the REST binding, or "".
	HTTPVerb, HTTPPath string
	// Access are the ways to be let in, in contract order; without one nobody
	// is.
	Access        []*Allow
	Input, Output *Message
	Desc          protoreflect.MethodDescriptor
	Pos           Pos
}

// A Message is a proto message as the Go generator names it.
type Message struct {
	// GoName is the Go type, and ImportPath its package.
	GoName     string
	ImportPath string
	// Rules are the validation rules of its fields, in field order.
	Rules []*Rule
	Desc  protoreflect.MessageDescriptor
}

// A Rule is what a request's field must satisfy.
type Rule struct {
	Field    protoreflect.FieldDescriptor
	Required bool
	MaxLen   uint32
	Min, Max *float64
	// Message is what a message field, or the elements of a list or map, must
	// satisfy in turn; nil when they have no rules. It may lead back to the
	// message that has the rule. A field without rules of its own has a Rule
	// when its Message is set.
	Message *Message
}

// An Entity is a message stored in its context's database.
type Entity struct {
	// Name is the message's name, for example "Badge".
	Name   string
	Table  string
	Doc    string
	Fields []*Column
	// Unique and Index are sets of columns.
	Unique, Index [][]*Column
	Message       *Message
	Pos           Pos
}

// A Column is one field of an entity.
type Column struct {
	// Name is the proto name in snake case.
	Name string
	Doc  string
	// Desc tells the kind: scalar, enum, google.protobuf.Timestamp, or a list
	// or map that is stored as JSON.
	Desc       protoreflect.FieldDescriptor
	PrimaryKey bool
	Index      bool
	Unique     bool
	Immutable  bool
	// Optional is true for a proto3 "optional" field: NULL in the database.
	Optional bool
	PII      string
	Pos      Pos
}
