package asyncapi

import (
	"encoding/json"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/topics"
)

func newDocument(title, description string) *document {
	return &document{
		AsyncAPI: version,
		Info: info{
			Title: title, Version: "v1", Description: description,
			Generated: "by pl-gen from contracts; do not edit",
		},
		DefaultContentType: contentType,
		Channels:           map[string]*channel{},
		Operations:         map[string]*operation{},
		Components: components{
			Schemas:  map[string]schema{attributesName: attributes()},
			Messages: map[string]*message{},
		},
	}
}

// context adds what a context sends and receives; prefix keeps the operations
// of several contexts apart.
func (d *document) context(c *model.Context, prefix string) error {
	for _, e := range c.Publishes {
		if err := d.event(e); err != nil {
			return err
		}
		d.Operations[prefix+"publish."+e.Topic] = &operation{
			Action: "send", Channel: channelRef(e), Messages: []ref{messageIn(e)}, Context: c.Name,
			Title: "Publish " + e.GoName, Summary: c.Name + " publishes " + e.Topic + ".",
		}
	}
	for _, consumer := range c.Consumes {
		if err := d.event(consumer.Event); err != nil {
			return err
		}
		r := reader{consumer.Event, c.Name, consumer.Handler, c.Name + "." + consumer.Handler}
		d.Operations[prefix+consumer.Handler] = r.receive()
		d.deadLetter(r, prefix)
	}
	return d.sagas(c, prefix)
}

// sagas adds what the sagas of a context begin with and wait for.
func (d *document) sagas(c *model.Context, prefix string) error {
	for _, s := range c.Sagas {
		for _, e := range s.Consumes() {
			if err := d.event(e); err != nil {
				return err
			}
			r := reader{e, c.Name, s.Name + "." + e.GoName, ""}
			d.Operations[prefix+r.name] = r.receive()
			d.deadLetter(r, prefix)
		}
	}
	return nil
}

// A reader is whoever reads an event in a context: a handler, or a saga.
type reader struct {
	event         *model.Event
	context, name string
	// consumer is the name that positions have; "" for a saga's, which several
	// sagas share.
	consumer string
}

func (r reader) receive() *operation {
	return &operation{
		Action: "receive", Channel: channelRef(r.event), Messages: []ref{messageIn(r.event)}, Context: r.context,
		Title: r.name, Summary: fmt.Sprintf("%s consumes %s.", r.context, r.event.Topic),
		Consumer:    r.consumer,
		DeadLetters: topics.DeadLetters(r.event.Topic, r.context),
		Bindings: &kafka[operationKafka]{operationKafka{
			Group: schema{Type: "string", Enum: []string{"pl." + r.context}}, Version: kafkaBinding,
		}},
	}
}

func channelRef(e *model.Event) ref { return ref{"#/channels/" + e.Topic} }

// messageIn refers to an event's message in its channel: an operation may only
// name messages of its own channel.
func messageIn(e *model.Event) ref { return ref{"#/channels/" + e.Topic + "/messages/" + e.GoName} }

// event adds the channel and the message of an event.
func (d *document) event(e *model.Event) error {
	if d.Channels[e.Topic] != nil {
		return nil
	}
	m, err := messageOf(e)
	if err != nil {
		return err
	}
	d.Components.Messages[e.Topic] = m
	d.Channels[e.Topic] = &channel{
		Address: e.Topic, Title: e.GoName, Description: e.Schema.Doc,
		Messages: map[string]ref{e.GoName: {"#/components/messages/" + e.Topic}},
		Bindings: brokerOf(e.Partitions, e.Retention.Milliseconds()),
		Registry: e.Topic + "-value", Compat: e.Compatibility, Realtime: e.Realtime,
	}
	return nil
}

func brokerOf(partitions int32, retentionMillis int64) channelBindings {
	return channelBindings{Kafka: &channelKafka{
		Partitions:    partitions,
		Configuration: topicConfig{Cleanup: []string{"delete"}, Retention: retentionMillis},
		Version:       kafkaBinding,
	}}
}

func messageOf(e *model.Event) (*message, error) {
	if !json.Valid(e.Text) {
		return nil, fmt.Errorf("emit AsyncAPI: the registered text of %s is not JSON", e.Topic)
	}
	return &message{
		Name: e.GoName, Title: e.GoName + " v" + fmt.Sprint(e.Version), Summary: e.Schema.Doc, ContentType: contentType,
		Headers:     headers(e),
		Payload:     payload{avroFormat, e.Text},
		Correlation: &correlation{"$message.header#/ce_correlationid"},
		Bindings: &kafka[messageKafka]{messageKafka{
			Key: key(e), IDLocation: "payload", IDEncoding: "confluent", Lookup: "TopicNameStrategy", Version: kafkaBinding,
		}},
		Fingerprint: fmt.Sprintf("%016x", e.Fingerprint),
		PII:         personal(e),
	}, nil
}

// key describes the record key: the key field's text.
func key(e *model.Event) *schema {
	if e.Key == nil {
		return nil
	}
	s := schema{Type: "string", Description: "The text of " + e.Key.Name + ". " + e.Key.Doc}
	switch {
	case e.Key.Type.LogicalType == "uuid":
		s.Format = "uuid"
	case e.Key.Type.Kind == avro.Enum:
		s.Enum = e.Key.Type.Symbols
	}
	return &s
}

// personal returns the kinds of personal data by field, for the record's own
// fields.
func personal(e *model.Event) map[string]string {
	kinds := map[string]string{}
	for _, f := range e.Schema.Fields {
		var pl struct {
			PII string `json:"pii"`
		}
		if raw, ok := f.Props["pl"]; ok && json.Unmarshal(raw, &pl) == nil && pl.PII != "" {
			kinds[f.Name] = pl.PII
		}
	}
	return kinds
}
