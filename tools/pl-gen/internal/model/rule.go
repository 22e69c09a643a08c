package model

import "google.golang.org/protobuf/reflect/protoreflect"

// checked returns a message with the rules of its fields, and of the messages
// in them. Equal descriptors give the same Message, so recursion ends.
func (b *builder) checked(d protoreflect.MessageDescriptor) *Message {
	if m, ok := b.requests[d.FullName()]; ok {
		return m
	}
	m := message(d)
	b.requests[d.FullName()] = m
	for i := range d.Fields().Len() {
		if r := b.rule(d.Fields().Get(i)); r != nil {
			m.Rules = append(m.Rules, r)
		}
	}
	return m
}

// rule returns what a field of a request must satisfy, or nil.
func (b *builder) rule(f protoreflect.FieldDescriptor) *Rule {
	r := &Rule{Field: f}
	o, ok := optionOf(f, "field")
	if ok {
		r.Required, r.MaxLen, r.Min, r.Max = o.truth("required"), o.count("max_len"), o.number("min"), o.number("max")
	}
	if inner := elementOf(f); inner != nil && checkable(inner, map[protoreflect.FullName]bool{}) {
		r.Message = b.checked(inner)
	}
	if !r.Required && r.MaxLen == 0 && r.Min == nil && r.Max == nil && r.Message == nil {
		return nil
	}
	return r
}

// elementOf returns the message type of a field, or of a list's or map's
// elements, or nil.
func elementOf(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if f.IsMap() {
		f = f.MapValue()
	}
	return f.Message()
}

// checkable reports whether a value of the message can be invalid: a field has
// a rule, or an enum, whose values a caller may not know, or such a message.
func checkable(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[d.FullName()] || d.ParentFile().Package() == "google.protobuf" {
		return false
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		o, ok := optionOf(f, "field")
		ruled := ok && (o.truth("required") || o.count("max_len") > 0 || o.number("min") != nil || o.number("max") != nil)
		if ruled || f.Enum() != nil {
			return true
		}
		if inner := elementOf(f); inner != nil && checkable(inner, seen) {
			return true
		}
	}
	return false
}
