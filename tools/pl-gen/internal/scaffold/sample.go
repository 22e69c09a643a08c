package scaffold

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// homes returns the Go packages of the types that events share.
func homes(m *model.Model) map[*avro.Schema]gofile.Package {
	found := map[*avro.Schema]gofile.Package{}
	for _, r := range m.Records {
		parts := strings.Split(r.Schema.Namespace, ".") // pl.common.v1
		context, version := parts[1], parts[2]
		claim(found, r.Schema, gofile.Package{
			Path: m.Module + "/gen/event/" + context + "/" + version, Name: context + version + "event",
		})
	}
	return found
}

func claim(found map[*avro.Schema]gofile.Package, s *avro.Schema, p gofile.Package) {
	if _, there := found[s]; s == nil || there {
		return
	}
	found[s] = p
	claim(found, s.Items, p)
	for _, f := range s.Fields {
		claim(found, f.Type, p)
	}
	for _, b := range s.Branches {
		claim(found, b, p)
	}
}

// A sampler prints values of schemas as Go code.
type sampler struct {
	*goFile
	homes map[*avro.Schema]gofile.Package
	home  gofile.Package // of what the event itself declares
}

// sampleEvent returns an event that can be published: whatever has no value
// that can be left out has one.
func (w *writer) sampleEvent(f *goFile, e *model.Event) string {
	s := &sampler{f, w.homes, service.EventIdent(w.module, e).Package}
	return "&" + s.record(e.Schema)
}

// typ returns the Go name of a record, enum or fixed type.
func (s *sampler) typ(schema *avro.Schema) string {
	p, shared := s.homes[schema]
	if !shared {
		p = s.home
	}
	return s.use(p) + "." + event.TypeName(schema.Name)
}

func (s *sampler) record(schema *avro.Schema) string {
	var b strings.Builder
	for _, f := range schema.Fields {
		if value := s.field(schema, f); value != "" {
			b.WriteString(gofile.Exported(f.Name) + ": " + value + ",\n")
		}
	}
	if b.Len() == 0 {
		return s.typ(schema) + "{}"
	}
	return s.typ(schema) + "{\n" + b.String() + "}"
}

// inner returns a record in another one.
func (s *sampler) inner(schema *avro.Schema) string {
	for _, f := range schema.Fields {
		if s.field(schema, f) != "" {
			return s.record(schema)
		}
	}
	return ""
}

// field returns a field's value, or "" where its zero value will do.
func (s *sampler) field(owner *avro.Schema, f *avro.Field) string {
	if text := defaultText(f); text != "" {
		return text
	}
	return s.value(f.Type, place{owner, f.Name})
}

// defaultText returns the default of a string as Go code, or "".
func defaultText(f *avro.Field) string {
	var text string
	if f.Type.Kind != avro.String || !f.HasDefault || json.Unmarshal(f.Default, &text) != nil || text == "" {
		return ""
	}
	return strconv.Quote(text)
}

// A place is a field; a union is named after it.
type place struct {
	owner *avro.Schema
	field string
}

// value returns a value as Go code, "" where the zero value will do.
func (s *sampler) value(schema *avro.Schema, at place) string {
	switch logical := schema.LogicalType; {
	case logical == "uuid" && schema.Kind == avro.String:
		return s.platform("event") + ".NewID()"
	case logical == "date", strings.Contains(logical, "timestamp-"):
		return s.lib("time") + ".Now().UTC()"
	case logical == "decimal":
		return s.lib("math/big") + ".NewRat(1, 1)"
	}
	switch schema.Kind {
	case avro.String:
		return `"sample"`
	case avro.Record:
		return s.inner(schema)
	case avro.Enum:
		return s.typ(schema) + gofile.Exported(symbol(schema))
	case avro.Union:
		return s.union(schema, at)
	}
	return ""
}

// symbol is the first symbol that says something.
func symbol(enum *avro.Schema) string {
	for _, symbol := range enum.Symbols {
		if symbol != enum.Default {
			return symbol
		}
	}
	return enum.Symbols[0]
}

// union returns a value of the first branch; null needs none.
func (s *sampler) union(schema *avro.Schema, at place) string {
	first := schema.Branches[0]
	switch {
	case slices.ContainsFunc(schema.Branches, func(b *avro.Schema) bool { return b.Kind == avro.Null }):
		return ""
	case len(schema.Branches) == 1:
		return s.value(first, at)
	}
	branch := event.TypeName(cmp.Or(first.Name, gofile.Exported(first.Kind.String())))
	return s.typ(at.owner) + gofile.Exported(at.field) + "Of" + branch + "(" + s.explicit(first, at) + ")"
}

// explicit returns a value of a branch; records are behind a pointer.
func (s *sampler) explicit(schema *avro.Schema, at place) string {
	switch schema.Kind {
	case avro.Record:
		return "&" + s.record(schema)
	case avro.Fixed:
		return s.typ(schema) + "{}"
	}
	if value := s.value(schema, at); value != "" {
		return value
	}
	switch schema.Kind {
	case avro.Boolean:
		return "false"
	case avro.Bytes, avro.Array, avro.Map:
		return "nil"
	}
	return "0"
}
