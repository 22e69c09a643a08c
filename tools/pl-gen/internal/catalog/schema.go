package catalog

import (
	"encoding/json"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A row is one field in a table of fields. Fields of records that are defined
// in place follow theirs, one level deeper.
type row struct {
	ID    string
	Name  string
	Depth int
	Type  []part
	Doc   string
	// PII is the kind of personal data, or "".
	PII     string
	Default string
	// Marks say what the field is for, for example "key".
	Marks []string
	// Rules are what a request must satisfy.
	Rules   []string
	Aliases []string
	Symbols []symbol
}

// A part is a piece of a type's text; it may lead to the type's page.
type part struct{ Text, Href string }

type symbol struct {
	Name, Doc string
	Default   bool
}

// A fieldLister flattens a record.
type fieldLister struct {
	shared sharedTypes
	root   base
	// marks are the marks of top-level fields by name.
	marks map[string][]string
	open  map[*avro.Schema]bool
	rows  []row
}

// fields returns the rows of a record. marks may be nil.
func (s *site) fields(root base, record *avro.Schema, marks map[string][]string) []row {
	l := &fieldLister{shared: s.shared, root: root, marks: marks, open: map[*avro.Schema]bool{}}
	l.record(record, "", 0)
	return l.rows
}

func (l *fieldLister) record(s *avro.Schema, path string, depth int) {
	l.open[s] = true
	for _, f := range s.Fields {
		l.field(f, path, depth)
	}
	delete(l.open, s)
}

func (l *fieldLister) field(f *avro.Field, path string, depth int) {
	full := path + f.Name
	r := row{
		ID: "field-" + full, Name: f.Name, Depth: min(depth, 4), Doc: prose(f.Doc), PII: piiOf(f),
		Type: l.typeOf(f.Type), Aliases: f.Aliases,
	}
	if f.HasDefault {
		r.Default = string(f.Default)
	}
	if depth == 0 {
		r.Marks = l.marks[f.Name]
	}
	inner := l.inPlace(f.Type)
	for _, s := range inner {
		r.Symbols = append(r.Symbols, symbolsOf(s)...)
	}
	l.rows = append(l.rows, r)
	for _, s := range inner {
		switch {
		case s.Kind != avro.Record, l.open[s]:
		case len(inner) > 1:
			l.record(s, full+"."+s.Name+".", depth+1)
		default:
			l.record(s, full+".", depth+1)
		}
	}
}

// inPlace returns the records and enums within a type that have no page of
// their own.
func (l *fieldLister) inPlace(s *avro.Schema) []*avro.Schema {
	var list []*avro.Schema
	switch s.Kind {
	case avro.Record, avro.Enum:
		if l.shared[s] == nil {
			list = append(list, s)
		}
	case avro.Array, avro.Map:
		return l.inPlace(s.Items)
	case avro.Union:
		for _, b := range s.Branches {
			list = append(list, l.inPlace(b)...)
		}
	}
	return list
}

// typeOf writes a type: "array<QuestionResult>", "null | timestamp-micros".
func (l *fieldLister) typeOf(s *avro.Schema) []part {
	switch s.Kind {
	case avro.Array, avro.Map:
		parts := append([]part{{Text: s.Kind.String() + "<"}}, l.typeOf(s.Items)...)
		return append(parts, part{Text: ">"})
	case avro.Union:
		var parts []part
		for i, b := range s.Branches {
			if i > 0 {
				parts = append(parts, part{Text: " | "})
			}
			parts = append(parts, l.typeOf(b)...)
		}
		return parts
	case avro.Record, avro.Enum, avro.Fixed:
		if l.shared[s] != nil {
			return []part{{s.Name, l.root.record(s)}}
		}
		return []part{{Text: s.Name}}
	}
	return []part{{Text: scalarName(s)}}
}

// scalarName is a primitive type with its logical type, which says more.
func scalarName(s *avro.Schema) string {
	switch {
	case s.LogicalType == "decimal":
		return "decimal(" + itoa(s.Precision) + "," + itoa(s.Scale) + ")"
	case s.LogicalType != "":
		return s.LogicalType
	}
	return s.Kind.String()
}

func symbolsOf(s *avro.Schema) []symbol {
	var list []symbol
	for _, name := range s.Symbols {
		list = append(list, symbol{name, prose(s.SymbolDocs[name]), name == s.Default})
	}
	return list
}

// piiOf returns the kind of personal data that a field holds, or "".
func piiOf(f *avro.Field) string {
	var pl struct {
		PII string `json:"pii"`
	}
	if json.Unmarshal(f.Props["pl"], &pl) != nil {
		return ""
	}
	return pl.PII
}

// personal lists the fields with personal data, as paths, also those in shared
// records.
func personal(s *avro.Schema, path string, open map[*avro.Schema]bool) []string {
	switch s.Kind {
	case avro.Array, avro.Map:
		return personal(s.Items, path, open)
	case avro.Union:
		var list []string
		for _, b := range s.Branches {
			list = append(list, personal(b, path, open)...)
		}
		return list
	case avro.Record:
		return personalFields(s, path, open)
	}
	return nil
}

func personalFields(s *avro.Schema, path string, open map[*avro.Schema]bool) []string {
	if open[s] {
		return nil
	}
	open[s] = true
	defer delete(open, s)
	var list []string
	for _, f := range s.Fields {
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		if piiOf(f) != "" {
			list = append(list, at)
		}
		list = append(list, personal(f.Type, at, open)...)
	}
	return list
}
