package openapi

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// schemas collects the messages of a document as JSON Schemas of their JSON
// form. A rule holds for requests only, so a message that has rules and stands
// in responses as well has two schemas.
type schemas struct {
	defined map[string]*schema
	rules   map[protoreflect.FullName]*model.Message
	answers map[protoreflect.FullName]bool
}

func newSchemas(contexts []*model.Context) *schemas {
	s := &schemas{
		defined: map[string]*schema{},
		rules:   map[protoreflect.FullName]*model.Message{},
		answers: map[protoreflect.FullName]bool{},
	}
	for _, c := range contexts {
		for _, m := range c.Service.Methods {
			s.ruled(m.Input)
			s.answered(m.Output.Desc)
		}
	}
	return s
}

// ruled notes the rules of a message and of those in it.
func (s *schemas) ruled(m *model.Message) {
	if s.rules[m.Desc.FullName()] != nil {
		return
	}
	s.rules[m.Desc.FullName()] = m
	for _, r := range m.Rules {
		if r.Message != nil {
			s.ruled(r.Message)
		}
	}
}

// answered notes that a message and those in it stand in responses.
func (s *schemas) answered(d protoreflect.MessageDescriptor) {
	if s.answers[d.FullName()] {
		return
	}
	s.answers[d.FullName()] = true
	for i := range d.Fields().Len() {
		if m := d.Fields().Get(i).Message(); m != nil {
			s.answered(m)
		}
	}
}

func (s *schemas) request(d protoreflect.MessageDescriptor) *schema  { return s.message(d, true) }
func (s *schemas) response(d protoreflect.MessageDescriptor) *schema { return s.message(d, false) }

// message returns a reference to a message's schema, defining it at its first
// use, or the schema itself for one of protobuf's own messages.
func (s *schemas) message(d protoreflect.MessageDescriptor, request bool) *schema {
	if known, ok := wellKnown(d.FullName()); ok {
		return known
	}
	name := string(d.FullName())
	var rules []*model.Rule
	if m := s.rules[d.FullName()]; request && m != nil && len(m.Rules) > 0 {
		rules = m.Rules
		if s.answers[d.FullName()] {
			name += ".Request"
		}
	}
	if s.defined[name] == nil {
		def := &schema{Type: "object", Title: string(d.Name()), Description: model.Doc(d)}
		s.defined[name] = def
		s.fields(def, d, rules, request)
	}
	return &schema{Ref: "#/components/schemas/" + name}
}

func (s *schemas) fields(def *schema, d protoreflect.MessageDescriptor, rules []*model.Rule, request bool) {
	def.Properties = map[string]*schema{}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		p := s.field(f, request)
		p.Description, p.PII = cmp.Or(model.Doc(f), p.Description), model.PII(f)
		if r := ruleOf(rules, f); r != nil {
			restrict(p, r)
			if r.Required {
				def.Required = append(def.Required, f.JSONName())
			}
		}
		def.Properties[f.JSONName()] = p
	}
	def.AllOf = exclusive(d)
}

func ruleOf(rules []*model.Rule, f protoreflect.FieldDescriptor) *model.Rule {
	i := slices.IndexFunc(rules, func(r *model.Rule) bool { return r.Field == f })
	if i < 0 {
		return nil
	}
	return rules[i]
}

// exclusive says that of a oneof's fields at most one is present.
func exclusive(d protoreflect.MessageDescriptor) []*schema {
	var all []*schema
	for i := range d.Oneofs().Len() {
		o := d.Oneofs().Get(i)
		if o.IsSynthetic() {
			continue
		}
		for j := range o.Fields().Len() {
			for k := range j {
				both := []string{o.Fields().Get(k).JSONName(), o.Fields().Get(j).JSONName()}
				all = append(all, &schema{Not: &schema{Required: both}})
			}
		}
	}
	return all
}

func (s *schemas) field(f protoreflect.FieldDescriptor, request bool) *schema {
	switch {
	case f.IsMap():
		return &schema{Type: "object", PropertyNames: mapKey(f.MapKey()), AdditionalValues: s.value(f.MapValue(), request)}
	case f.IsList():
		return &schema{Type: "array", Items: s.value(f, request)}
	}
	return s.value(f, request)
}

// mapKey restricts the names of a map's members, which JSON has as strings.
func mapKey(f protoreflect.FieldDescriptor) *schema {
	switch f.Kind() {
	case protoreflect.StringKind:
		return nil
	case protoreflect.BoolKind:
		return &schema{Enum: []string{"false", "true"}}
	}
	return &schema{Pattern: integerPattern(f.Kind())}
}

// value is the schema of a scalar, an enum or a message.
func (s *schemas) value(f protoreflect.FieldDescriptor, request bool) *schema {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.message(f.Message(), request)
	case protoreflect.EnumKind:
		return enum(f.Enum())
	}
	return scalar(f.Kind())
}

func scalar(k protoreflect.Kind) *schema {
	switch k {
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.StringKind:
		return &schema{Type: "string"}
	case protoreflect.BytesKind:
		return &schema{Type: "string", Encoding: "base64"}
	case protoreflect.FloatKind:
		return &schema{Type: "number", Format: "float"}
	case protoreflect.DoubleKind:
		return &schema{Type: "number", Format: "double"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &schema{Type: "integer", Format: "int32"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &schema{Type: "integer", Format: "uint32", Minimum: "0"}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &schema{Type: "string", Format: "uint64", Pattern: integerPattern(k)}
	}
	return &schema{Type: "string", Format: "int64", Pattern: integerPattern(k)}
}

// integerPattern matches the decimal text of an integer: JSON has 64-bit
// integers as strings, because its numbers lose digits.
func integerPattern(k protoreflect.Kind) string {
	switch k {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "^[0-9]+$"
	}
	return "^-?[0-9]+$"
}

func enum(d protoreflect.EnumDescriptor) *schema {
	s := &schema{Type: "string", Description: model.Doc(d), EnumDocs: map[string]string{}}
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		s.Enum = append(s.Enum, string(v.Name()))
		if doc := model.Doc(v); doc != "" {
			s.EnumDocs[string(v.Name())] = doc
		}
	}
	return s
}

func number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'g', -1, 64)) }
