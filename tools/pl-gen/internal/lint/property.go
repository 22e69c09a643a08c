package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// The properties that Avro defines; others are allowed and ignored, so a
// misspelled one is silent unless somebody looks.
var (
	schemaProperties = []string{"namespace", "aliases", "logicalType", "precision", "scale", "default", "symbols", "fields", "items", "values", "doc", "pl"}
	fieldProperties  = []string{"default", "aliases", "order", "doc", "type", "pl"}
)

// properties checks the "pl" objects of a schema and of its fields.
func (c *checker) properties(a *source.Avro, s *avro.Schema, isEvent bool) {
	record, field := model.Properties()
	if !isEvent {
		record = []string{"allow"}
	}
	where := "a type inside of an event"
	if isEvent {
		where = "an event"
	}
	c.misspelled(s.Props, s.PropPos, s.Pos, schemaProperties)
	c.object(a, s.Props["pl"], s.PropPos["pl"], record, where)
	for _, f := range s.Fields {
		c.misspelled(f.Props, f.PropPos, f.Pos, fieldProperties)
		c.object(a, f.Props["pl"], f.PropPos["pl"], field, "a field")
	}
}

// misspelled reports properties that are almost ones that Avro defines.
func (c *checker) misspelled(props map[string]json.RawMessage, at map[string]diag.Pos, pos diag.Pos, known []string) {
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(known, name) || !diag.Near(name, known) {
			continue
		}
		if p, ok := at[name]; ok {
			pos = p
		}
		c.report(diag.New(diag.PropertyUnknown, pos, fmt.Sprintf("%q is no property that Avro knows", name)).Because(
			"Avro ignores properties that it does not know, so this one has no effect", diag.Suggest(name, known)))
	}
}

// object checks one "pl" object.
func (c *checker) object(a *source.Avro, raw json.RawMessage, pos diag.Pos, known []string, where string) {
	if raw == nil {
		return
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		if where != "an event" { // the model reports it for events
			c.report(diag.New(diag.PropertyUnknown, pos, `"pl" is not an object`).Because(
				"its members say what the schema language cannot", `write "pl": {…}`))
		}
		return
	}
	places := sync.OnceValue(func() map[string]diag.Pos { return source.Places(a.Text, pos) })
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, name) {
			c.report(diag.New(diag.PropertyUnknown, places()["/"+name+"#"], fmt.Sprintf("%q is no property of %s", name, where)).Because(
				"it would have no effect", diag.Suggest(name, known)))
		}
	}
	c.pii(values["pii"], places)
	c.waivers(values["allow"], places)
}

// pii checks the kind of personal data that a field is said to hold.
func (c *checker) pii(raw json.RawMessage, places func() map[string]diag.Pos) {
	if raw == nil {
		return
	}
	var kind string
	if json.Unmarshal(raw, &kind) == nil && slices.Contains(model.PIIKinds(), kind) {
		return
	}
	c.report(diag.New(diag.PIIKind, places()["/pii"], fmt.Sprintf("%s is no kind of personal data", raw)).Because(
		"the kind decides how the value is redacted and encrypted", diag.Suggest(kind, model.PIIKinds())))
}

func (c *checker) logicalType(s *avro.Schema) {
	raw, ignored := s.Props["logicalType"]
	if !ignored {
		return
	}
	pos, ok := s.PropPos["logicalType"]
	if !ok {
		pos = s.Pos
	}
	c.report(diag.New(diag.AvroLogicalType, pos, fmt.Sprintf("the logical type %s is ignored on %s", raw, s.Kind)).Because(
		"Avro ignores a logical type that it does not know or that does not fit, and the values stay bare "+s.Kind.String(),
		"correct the name, the type under it, or its precision and scale"))
}
