package graphql

import (
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
)

// datumField is a field of a record. Personal data is not on every channel.
func (s *schema) datumField(owner string, f *avro.Field) string {
	of, null := s.valueType(f.Type, owner, f.Name)
	doc := f.Doc
	if avrojson.Personal(f) != "" {
		null, doc = true, strings.TrimSpace(doc+"\n\nPersonal data: null but on the channel of whom it is about.")
	}
	if !null {
		of += "!"
	}
	return description(doc, "  ") + "  " + f.Name + ": " + of + "\n"
}

// valueType is the type of a value in a field, and whether it may be null.
func (s *schema) valueType(t *avro.Schema, owner, field string) (of string, null bool) {
	switch t.Kind {
	case avro.Union:
		return s.unionType(t, owner, field)
	case avro.Record:
		if len(t.Fields) == 0 {
			return "JSON", false
		}
		return s.recordType(t), false
	case avro.Enum:
		return s.symbols(t), false
	case avro.Array:
		element, null := s.valueType(t.Items, owner, field)
		if !null {
			element += "!"
		}
		return "[" + element + "]", false
	case avro.Map:
		return "JSON", false
	case avro.Null:
		return "JSON", true
	}
	return plainType(t, field), false
}

// logicalTypes are the types of what has one in Avro.
var logicalTypes = map[string]string{
	"uuid": "ID", "decimal": "Decimal", "duration": "CalendarPeriod", "date": "Date", "time-millis": "TimeOfDay", "time-micros": "TimeOfDay",
	"timestamp-millis": "Timestamp", "timestamp-micros": "Timestamp", "timestamp-nanos": "Timestamp",
	"local-timestamp-millis": "LocalTimestamp", "local-timestamp-micros": "LocalTimestamp", "local-timestamp-nanos": "LocalTimestamp",
}

func plainType(t *avro.Schema, field string) string {
	if of := logicalTypes[t.LogicalType]; of != "" {
		return of
	}
	switch t.Kind {
	case avro.Boolean:
		return "Boolean"
	case avro.Int:
		return "Int"
	case avro.Long:
		return "Int64"
	case avro.Float, avro.Double:
		return "Float"
	case avro.Bytes, avro.Fixed:
		return "Bytes"
	}
	if field == "id" || field == "ids" || strings.HasSuffix(field, "Id") || strings.HasSuffix(field, "Ids") {
		return "ID"
	}
	return "String"
}

// unionType is that of the one branch beside null, a union of records, or any
// JSON: GraphQL has no union of other types.
func (s *schema) unionType(t *avro.Schema, owner, field string) (of string, null bool) {
	var branches []*avro.Schema
	for _, b := range t.Branches {
		if b.Kind == avro.Null {
			null = true
		} else {
			branches = append(branches, b)
		}
	}
	if len(branches) == 1 && len(t.Branches) <= 2 && null {
		of, _ = s.valueType(branches[0], owner, field)
		return of, true
	}
	for _, b := range branches {
		if b.Kind != avro.Record || len(b.Fields) == 0 {
			return "JSON", null
		}
	}
	name := owner + strings.ToUpper(field[:1]) + field[1:]
	if !s.seen[name] {
		s.seen[name] = true
		s.union(name, branches)
	}
	return name, null
}

func (s *schema) union(name string, branches []*avro.Schema) {
	at := len(s.types)
	s.types = append(s.types, "")
	var members []string
	for _, b := range branches {
		of := s.recordType(b)
		members = append(members, of)
		s.variant(variant{b.FullName(), of})
	}
	s.types[at] = "union " + name + " = " + strings.Join(members, " | ") + "\n"
}

func (s *schema) variant(v variant) {
	if !slices.Contains(s.variants, v) {
		s.variants = append(s.variants, v)
	}
}

// recordType adds the type of a record in an event and returns its name.
func (s *schema) recordType(t *avro.Schema) string {
	name := s.records[t.FullName()]
	if s.seen[name] {
		return name
	}
	s.seen[name] = true
	at := len(s.types)
	s.types = append(s.types, "")
	var lines []string
	for _, f := range t.Fields {
		lines = append(lines, s.datumField(name, f))
	}
	s.types[at] = block(t.Doc, "type "+name, lines)
	return name
}

// symbols adds the type of an enum in an event and returns its name.
func (s *schema) symbols(t *avro.Schema) string {
	name := s.records[t.FullName()]
	if s.seen[name] {
		return name
	}
	s.seen[name] = true
	var lines []string
	for _, symbol := range t.Symbols {
		lines = append(lines, description(t.SymbolDocs[symbol], "  ")+"  "+symbol+"\n")
	}
	s.enums = append(s.enums, block(t.Doc, "enum "+name, lines))
	return name
}
