package asyncapi

import (
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/topics"
)

// deadLettersName is the schema of the headers that a dead letter has besides
// those of its event.
const deadLettersName = "DeadLetterHeaders"

func deadLetterHeaders() schema {
	return schema{
		Type:     "object",
		Required: []string{"pl-cause", "pl-consumer", "pl-partition", "pl-offset", "pl-attempts", "pl-failed-at"},
		Properties: map[string]schema{
			"pl-cause":     {Type: "string", Description: "Why the event could not be applied: the error of the last attempt."},
			"pl-consumer":  {Type: "string", Description: "The consumer that gave up: <context>.<handler>."},
			"pl-partition": {Type: "string", Format: "int32", Description: "The partition of the event's topic that the record was read from."},
			"pl-offset":    {Type: "string", Format: "int64", Description: "The record's offset in that partition."},
			"pl-attempts":  {Type: "string", Format: "int32", Description: "How often it was tried before it was given up."},
			"pl-failed-at": {Type: "string", Format: "date-time", Description: "When the last attempt failed."},
			"pl-omitted":   {Type: "string", Description: "Why the copy has no value, for a record that is too large to be copied."},
		},
	}
}

// deadLetter adds the channel to which a consumer copies what it gave up. A
// copy has the record's key, value and headers as they were read; the event
// itself stays held in the database of its consumer.
func (d *document) deadLetter(r reader, prefix string) {
	e, topic := r.event, topics.DeadLetterTopic(r.event, r.context)
	d.Components.Schemas[deadLettersName] = deadLetterHeaders()
	m := *d.Components.Messages[e.Topic]
	m.Title, m.Name = "Dead "+m.Title, e.GoName+"DeadLetter"
	m.Summary = "The record as it was read. One that could not be decoded is not what the schema says."
	m.Headers = &schema{AllOf: []schema{{Ref: "#/components/schemas/" + deadLettersName}, {Ref: "#/components/schemas/" + attributesName}}}
	d.Components.Messages[topic.Name] = &m
	d.Channels[topic.Name] = &channel{
		Address: topic.Name, Title: "Dead letters of " + r.context,
		Description: fmt.Sprintf("Copies of the %s records that %s could not apply, for other tools. Redriving is done by pl-gen dlq and needs no copy.", e.Topic, r.context),
		Messages:    map[string]ref{m.Name: {"#/components/messages/" + topic.Name}},
		Bindings:    brokerOf(topic.Partitions, topic.RetentionMillis),
		Registry:    e.Topic + "-value", Compat: e.Compatibility,
	}
	d.Operations[prefix+"deadletter."+r.name] = &operation{
		Action: "send", Channel: ref{"#/channels/" + topic.Name}, Context: r.context,
		Messages: []ref{{"#/channels/" + topic.Name + "/messages/" + m.Name}},
		Title:    "Give up", Summary: fmt.Sprintf("%s could not apply an event, and holds it for a person.", r.context),
		Consumer: r.consumer,
	}
}
