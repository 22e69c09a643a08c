package model

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// A Reference is what a field with the ids of something else refers to: the
// batch query that returns it.
type Reference struct {
	Context *Context
	Method  *Method
	// IDs is the field of the query's request that takes the ids, Items the
	// one of its response with what was found, and Key the field of an item
	// that holds its id.
	IDs, Items, Key protoreflect.FieldDescriptor
}

// defaultBatch is how many ids a batch query gets that names no limit.
const defaultBatch = 100

// Max is the most ids that the query takes at once.
func (r *Reference) Max() uint32 {
	for _, rule := range r.Method.Input.Rules {
		if rule.Field == r.IDs && rule.MaxLen > 0 {
			return rule.MaxLen
		}
	}
	return defaultBatch
}

// Reference returns what a field refers to, nil when it refers to nothing.
func (m *Model) Reference(f protoreflect.FieldDescriptor) *Reference {
	o, ok := optionOf(f, "field")
	if !ok || o.text("references") == "" {
		return nil
	}
	r, _ := m.refer(o.text("references"))
	return r
}

// refer finds a batch query by its short name, "userprofile.BatchGetUsers", or
// says what is wrong with it.
func (m *Model) refer(call string) (*Reference, string) {
	context, name, _ := strings.Cut(call, ".")
	for _, c := range m.Contexts {
		if c.Name != context || c.Service == nil {
			continue
		}
		for _, method := range c.Service.Methods {
			if method.Name == name {
				return batch(c, method)
			}
		}
	}
	return nil, "there is no call " + call
}

func batch(c *Context, m *Method) (*Reference, string) {
	r := &Reference{Context: c, Method: m}
	if !m.Query {
		return nil, m.Name + " is a command"
	}
	fields := m.Input.Desc.Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.IsList() && f.Kind() == protoreflect.StringKind {
			r.IDs = f
		}
	}
	if r.IDs == nil || fields.Len() != 1 {
		return nil, "the request of " + m.Name + " is not one list of ids"
	}
	fields = m.Output.Desc.Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.IsList() && f.Message() != nil {
			r.Items = f
		}
	}
	if r.Items == nil {
		return nil, "the response of " + m.Name + " has no list of messages"
	}
	r.Key = r.Items.Message().Fields().ByName("id")
	if r.Key == nil || r.Key.Kind() != protoreflect.StringKind {
		return nil, "what " + m.Name + " returns has no id"
	}
	return r, ""
}

// references reports references that lead nowhere, once all calls are known.
func (b *builder) references(m *Model, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		for j := range messages.Get(i).Fields().Len() {
			b.reference(m, messages.Get(i).Fields().Get(j))
		}
		b.references(m, messages.Get(i).Messages())
	}
}

func (b *builder) reference(m *Model, f protoreflect.FieldDescriptor) {
	o, ok := optionOf(f, "field")
	if !ok || o.text("references") == "" {
		return
	}
	_, wrong := m.refer(o.text("references"))
	if f.Kind() != protoreflect.StringKind || f.IsMap() {
		wrong = "it is not a text, or a list of texts"
	}
	if wrong != "" {
		b.report(diag.New(diag.FieldRule, o.posOf("references"), fmt.Sprintf("%s.%s refers to nothing: %s", f.Parent().Name(), f.Name(), wrong)).Because(
			"GraphQL loads what an id names by a query that takes a list of ids and returns a list of messages with an id",
			`name such a query, for example "userprofile.BatchGetUsers"`))
	}
}
