package asyncapi

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// occurrence is the schema of the frame with an event of one type.
func (d *document) occurrence(e *model.Event) schema {
	return frame("event", with(
		"channel", text("Where it was told: "+e.Realtime+"."), "event", schema{Const: e.Topic},
		"id", text("The event's id: one that came before has the same."), "subject", text("What it is about."),
		"time", schema{Type: "string", Format: "date-time", Description: "When it happened."},
		"partition", integer("Its partition of the topic."), "offset", integer("Its offset there."),
		"data", d.record(e.Schema),
	), "channel", "event", "id", "partition", "offset", "data")
}

// record adds the schema of a record as package avrojson writes it.
func (d *document) record(t *avro.Schema) schema {
	name := t.FullName()
	at := schema{Ref: "#/components/schemas/" + name}
	if _, done := d.Components.Schemas[name]; done {
		return at
	}
	own := schema{Type: "object", Description: t.Doc, Properties: map[string]schema{}}
	d.Components.Schemas[name] = own // a record may hold itself
	for _, f := range t.Fields {
		value := d.datum(f.Type)
		doc := f.Doc
		if avrojson.Personal(f) == "" {
			own.Required = append(own.Required, f.Name)
		} else {
			doc = strings.TrimSpace(doc + " Personal data: it is there on the channel of whom it is about alone.")
		}
		if value.Ref != "" {
			value = schema{AllOf: []schema{value}}
		}
		value.Description = doc
		own.Properties[f.Name] = value
	}
	d.Components.Schemas[name] = own
	return at
}

func (d *document) datum(t *avro.Schema) schema {
	switch t.Kind {
	case avro.Record:
		return d.record(t)
	case avro.Union:
		return d.union(t)
	case avro.Array:
		items := d.datum(t.Items)
		return schema{Type: "array", Items: &items}
	case avro.Map:
		values := d.datum(t.Items)
		return schema{Type: "object", Values: &values}
	case avro.Enum:
		return schema{Type: "string", Enum: t.Symbols}
	}
	return scalar(t)
}

// union is null or a plain value for two branches of which one is null, and an
// object with the branch's name otherwise.
func (d *document) union(t *avro.Schema) schema {
	nulls := 0
	for _, b := range t.Branches {
		if b.Kind == avro.Null {
			nulls++
		}
	}
	plain := nulls == 1 && len(t.Branches) == 2
	var either []schema
	for _, b := range t.Branches {
		branch := d.datum(b)
		if !plain && b.Kind != avro.Null {
			branch = schema{Type: "object", Properties: map[string]schema{b.FullName(): branch}, Required: []string{b.FullName()}}
		}
		either = append(either, branch)
	}
	return schema{OneOf: either}
}

// formats are those of logical types that JSON Schema has, and "" for those
// that are text without one.
var formats = map[string]string{
	"uuid": "uuid", "decimal": "", "date": "date", "time-millis": "", "time-micros": "",
	"timestamp-millis": "date-time", "timestamp-micros": "date-time", "timestamp-nanos": "date-time",
	"local-timestamp-millis": "", "local-timestamp-micros": "", "local-timestamp-nanos": "",
}

func scalar(t *avro.Schema) schema {
	if format, ok := formats[t.LogicalType]; ok {
		return schema{Type: "string", Format: format}
	}
	switch t.Kind {
	case avro.Null:
		return schema{Type: "null"}
	case avro.Boolean:
		return schema{Type: "boolean"}
	case avro.Int:
		return schema{Type: "integer", Format: "int32"}
	case avro.Long:
		return schema{Type: "integer", Format: "int64"}
	case avro.Float, avro.Double:
		return schema{OneOf: []schema{{Type: "number"}, {Type: "string", Enum: []string{"NaN", "Infinity", "-Infinity"}}}}
	case avro.String:
		return schema{Type: "string"}
	}
	if t.LogicalType == "duration" {
		return schema{Type: "object", Required: []string{"months", "days", "millis"}, Properties: with(
			"months", integer(""), "days", integer(""), "millis", integer(""))}
	}
	return schema{Type: "string", Encoding: "base64"}
}
