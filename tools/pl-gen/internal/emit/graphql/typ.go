package graphql

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// root adds the field that makes a call. A query takes the fields of its
// request as arguments, a mutation takes them in one input.
func (s *schema) root(m *model.Method) {
	s.output(m.Output.Desc)
	answer := ": " + s.names[m.Output.Desc.FullName()] + "\n"
	line := description(m.Doc, "  ") + "  " + lowerFirst(m.Name)
	switch {
	case m.Input.Desc.Fields().Len() == 0:
		line += answer
	case m.Query:
		line += "(" + strings.Join(s.arguments(m.Input), ", ") + ")" + answer
	default:
		s.input(m.Input.Desc, inputName(s.names[m.Input.Desc.FullName()]))
		line += "(input: " + inputName(s.names[m.Input.Desc.FullName()]) + "!)" + answer
	}
	if m.Query {
		s.query = append(s.query, line)
	} else {
		s.mutation = append(s.mutation, line)
	}
}

// inputName is the name of an input: AwardBadgeInput for AwardBadgeRequest,
// AnswerInput for Answer.
func inputName(name string) string { return strings.TrimSuffix(name, "Request") + "Input" }

func (s *schema) arguments(m *model.Message) []string {
	var list []string
	for i := range m.Desc.Fields().Len() {
		f := m.Desc.Fields().Get(i)
		list = append(list, f.JSONName()+": "+s.inputType(m, f))
	}
	return list
}

// input adds the input type of a message.
func (s *schema) input(d protoreflect.MessageDescriptor, name string) {
	if s.seen[name] {
		return
	}
	s.seen[name] = true
	m := s.rules[d.FullName()]
	if m == nil {
		m = &model.Message{Desc: d}
	}
	at := len(s.inputs)
	s.inputs = append(s.inputs, "") // in front of those that it leads to
	var lines []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		lines = append(lines, description(model.Doc(f), "  ")+"  "+f.JSONName()+": "+s.inputType(m, f)+"\n")
	}
	if len(lines) == 0 {
		lines = []string{"  \"\"\"Means nothing: the input has no fields.\"\"\"\n  nothing: Boolean\n"}
	}
	s.inputs[at] = block(model.Doc(d), "input "+name, lines)
}

func (s *schema) inputType(m *model.Message, f protoreflect.FieldDescriptor) string {
	of := s.leafType(f)
	if of == "" {
		of = inputName(s.names[f.Message().FullName()])
		s.input(f.Message(), of)
	}
	if f.IsList() {
		of = "[" + of + "!]"
	}
	for _, r := range m.Rules {
		if r.Field == f && r.Required {
			return of + "!"
		}
	}
	return of
}

// output adds the type of a message.
func (s *schema) output(d protoreflect.MessageDescriptor) {
	name := s.names[d.FullName()]
	if s.seen[name] {
		return
	}
	s.seen[name] = true
	at := len(s.types)
	s.types = append(s.types, "")
	var lines []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		lines = append(lines, description(model.Doc(f), "  ")+"  "+f.JSONName()+": "+s.outputType(f)+"\n")
		if line := s.relation(name, f); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = []string{"  \"\"\"True: the answer says no more than that it is one.\"\"\"\n  ok: Boolean!\n"}
	}
	s.types[at] = block(model.Doc(d), "type "+name, lines)
}

func (s *schema) outputType(f protoreflect.FieldDescriptor) string {
	of := s.leafType(f)
	if of == "" {
		s.output(f.Message())
		of = s.names[f.Message().FullName()]
	}
	switch {
	case f.IsList():
		return "[" + of + "!]!"
	case f.HasPresence():
		return of
	}
	return of + "!"
}

// relation adds the field that leads from an id to what it names.
func (s *schema) relation(owner string, f protoreflect.FieldDescriptor) string {
	r := s.model.Reference(f)
	if r == nil || r.Method.ServicesOnly() {
		return ""
	}
	s.output(r.Items.Message())
	of, name := s.names[r.Items.Message().FullName()], relationName(f, s.names[r.Items.Message().FullName()])
	s.relations = append(s.relations, relation{
		Type: owner, Field: name, From: f.JSONName(), Batch: procedure(r), Max: r.Max(),
		IDs: r.IDs.JSONName(), Items: r.Items.JSONName(), Key: r.Key.JSONName(),
	})
	if f.IsList() {
		of = "[" + of + "!]!"
	}
	doc := fmt.Sprintf("What %s names.", f.JSONName())
	if !f.IsList() {
		doc = fmt.Sprintf("What %s names; null when there is no such thing, or not any more.", f.JSONName())
	}
	return description(doc, "  ") + "  " + name + ": " + of + "\n"
}

// relationName is student for student_id, courses for course_ids, and
// createdByUser for a created_by that names users.
func relationName(f protoreflect.FieldDescriptor, of string) string {
	name := f.JSONName()
	if short, ok := strings.CutSuffix(name, "Ids"); ok && short != "" {
		return short + "s"
	}
	if short, ok := strings.CutSuffix(name, "Id"); ok && short != "" {
		return short
	}
	return name + of
}

// leafType is the GraphQL type of a field that has no fields itself, or of its
// elements; "" for a message.
func (s *schema) leafType(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "JSON"
	case f.Enum() != nil:
		return s.enum(f.Enum())
	case f.Message() != nil && ownOfProtobuf(f.Message()):
		return wellKnown(string(f.Message().Name()))
	case f.Message() != nil:
		return ""
	case f.Kind() == protoreflect.StringKind && (isID(string(f.Name())) || s.model.Reference(f) != nil):
		return "ID"
	}
	return scalar(f.Kind())
}

func isID(name string) bool {
	return name == "id" || name == "ids" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")
}

func scalar(k protoreflect.Kind) string {
	switch k {
	case protoreflect.BoolKind:
		return "Boolean"
	case protoreflect.StringKind:
		return "String"
	case protoreflect.BytesKind:
		return "Bytes"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "Float"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "Int"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "UInt32"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "UInt64"
	}
	return "Int64"
}

// wellKnown is the type of one of protobuf's own messages.
func wellKnown(name string) string {
	switch name {
	case "Timestamp", "Duration", "FieldMask":
		return name
	case "BoolValue":
		return "Boolean"
	case "StringValue":
		return "String"
	case "BytesValue":
		return "Bytes"
	case "FloatValue", "DoubleValue":
		return "Float"
	case "Int32Value":
		return "Int"
	case "UInt32Value":
		return "UInt32"
	case "Int64Value":
		return "Int64"
	case "UInt64Value":
		return "UInt64"
	}
	return "JSON"
}

func (s *schema) enum(d protoreflect.EnumDescriptor) string {
	if ownOfProtobuf(d) {
		return "JSON"
	}
	name := s.names[d.FullName()]
	if s.seen[name] {
		return name
	}
	s.seen[name] = true
	var lines []string
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		lines = append(lines, description(model.Doc(v), "  ")+"  "+string(v.Name())+"\n")
	}
	s.enums = append(s.enums, block(model.Doc(d), "enum "+name, lines))
	return name
}

func procedure(r *model.Reference) gofile.Ident {
	return service.ProcedureIdent(r.Context.Service, r.Method)
}
