package model

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// fieldOptions reports options on fields that have no effect there, or cannot
// hold.
func (b *builder) fieldOptions(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		m := messages.Get(i)
		_, isEntity := optionOf(m, "entity")
		for j := range m.Fields().Len() {
			if o, ok := optionOf(m.Fields().Get(j), "field"); ok {
				b.fieldOption(m.Fields().Get(j), o, isEntity)
			}
		}
		b.fieldOptions(m.Messages())
	}
}

func (b *builder) fieldOption(f protoreflect.FieldDescriptor, o option, isEntity bool) {
	for _, name := range []protoreflect.Name{"primary_key", "index", "unique", "immutable"} {
		if o.truth(name) && !isEntity {
			b.fieldRule(f, o.posOf(name), fmt.Sprintf("%s has no effect outside of an entity", name),
				"remove it, or add option (pl.options.v1.entity) = {}; to the message")
		}
	}
	if kind := o.text("pii"); kind != "" && !slices.Contains(PIIKinds(), kind) {
		b.report(diag.New(diag.PIIKind, o.posOf("pii"), fmt.Sprintf("%q is no kind of personal data", kind)).Because(
			"the kind decides how the value is redacted and encrypted", diag.Suggest(kind, PIIKinds())))
	}
	b.validation(f, o)
}

func (b *builder) validation(f protoreflect.FieldDescriptor, o option) {
	sized := f.IsList() || f.IsMap() || f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind
	if o.count("max_len") > 0 && !sized {
		b.fieldRule(f, o.posOf("max_len"), "max_len is for strings, bytes, lists and maps", "use max for a number")
	}
	least, most := o.number("min"), o.number("max")
	if (least != nil || most != nil) && !isNumber(f) {
		name := protoreflect.Name("min")
		if least == nil {
			name = "max"
		}
		b.fieldRule(f, o.posOf(name), "min and max are for numbers", "use max_len for a text or list")
	}
	if least != nil && most != nil && *least > *most {
		b.fieldRule(f, o.posOf("min"), fmt.Sprintf("min %v is above max %v, so nothing is valid", *least, *most), "swap them")
	}
	if o.truth("required") && f.Kind() == protoreflect.BoolKind && !f.IsList() && !f.HasOptionalKeyword() {
		b.fieldRule(f, o.posOf("required"), "a required bool can only be true", "remove required, or make the field optional")
	}
}

func (b *builder) fieldRule(f protoreflect.FieldDescriptor, pos Pos, message, fix string) {
	b.report(diag.New(diag.FieldRule, pos, fmt.Sprintf("%s.%s: %s", f.Parent().Name(), f.Name(), message)).Because(
		"a rule that does not fit its field would refuse every request, or none", fix))
}

func isNumber(f protoreflect.FieldDescriptor) bool {
	if f.IsList() || f.IsMap() {
		return false
	}
	switch f.Kind() {
	case protoreflect.BoolKind, protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind,
		protoreflect.GroupKind, protoreflect.EnumKind:
		return false
	}
	return true
}
