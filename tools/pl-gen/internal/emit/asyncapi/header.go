package asyncapi

import (
	"cmp"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

const (
	contentType    = "application/avro"
	attributesName = "CloudEventsAttributes"
)

// attributes are the headers of every event: CloudEvents 1.0 in Kafka's binary
// mode, with the extensions that the platform writes.
func attributes() schema {
	return schema{
		Type:     "object",
		Required: []string{"content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"},
		Properties: map[string]schema{
			"content-type":     {Type: "string", Const: contentType, Description: "The payload is Avro in Confluent's wire format."},
			"ce_specversion":   {Type: "string", Const: "1.0"},
			"ce_id":            {Type: "string", Description: "Made once for each fact; it stays the same when the event is delivered again."},
			"ce_time":          {Type: "string", Format: "date-time", Description: "When the fact happened, to the microsecond."},
			"ce_subject":       {Type: "string", Description: "What the event is about."},
			"ce_source":        {Type: "string", Format: "uri-reference"},
			"ce_type":          {Type: "string"},
			"ce_recordedtime":  {Type: "string", Format: "date-time", Description: "When the event was committed."},
			"ce_partitionkey":  {Type: "string", Description: "The record key."},
			"ce_correlationid": {Type: "string", Description: "The id of the command or event that began the flow."},
			"ce_causationid":   {Type: "string", Description: "The id of the command or event that led to this event."},
			"ce_sameas":        {Type: "string", Description: "The id of the same fact in another version of the event."},
			"ce_traceparent":   {Type: "string", Description: "W3C trace context."},
			"ce_tracestate":    {Type: "string", Description: "W3C trace context."},
			"traceparent":      {Type: "string", Description: "The same as ce_traceparent, for consumers that know nothing of CloudEvents."},
			"tracestate":       {Type: "string", Description: "The same as ce_tracestate, for consumers that know nothing of CloudEvents."},
		},
	}
}

// headers are the attributes with what this event's have in particular.
func headers(e *model.Event) *schema {
	own := schema{Type: "object", Properties: map[string]schema{
		"ce_type":   {Type: "string", Const: e.Topic},
		"ce_source": {Type: "string", Const: "/pulselearn/" + publisher(e)},
	}}
	if e.Key != nil {
		own.Required = append(own.Required, "ce_partitionkey")
	}
	if e.Subject != nil {
		own.Required = append(own.Required, "ce_subject")
		own.Properties["ce_subject"] = schema{Type: "string", Description: cmp.Or(e.Subject.Doc, "The field "+e.Subject.Name+".")}
	}
	return &schema{AllOf: []schema{{Ref: "#/components/schemas/" + attributesName}, own}}
}

func publisher(e *model.Event) string {
	if e.Publisher != nil {
		return e.Publisher.Name
	}
	return e.Context
}
