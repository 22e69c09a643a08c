package tssdk

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// members prints the fields and oneofs of a message, a oneof where its first
// field is.
func (f *protoFile) members(m protoreflect.MessageDescriptor) {
	first := true
	between := func() {
		if !first {
			f.printf("\n")
		}
		first = false
	}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		switch o := field.ContainingOneof(); {
		case o == nil || o.IsSynthetic():
			between()
			f.field(field)
		case o.Fields().Get(0) == field:
			between()
			f.oneof(o)
		}
	}
}

func (f *protoFile) field(d protoreflect.FieldDescriptor) {
	f.doc("  ", f.text(d)+f.declared(d))
	if optional(d) {
		f.printf("  %s?: %s | undefined;\n", property(camel(string(d.Name()))), f.typeOf(d))
		return
	}
	f.printf("  %s: %s;\n", property(camel(string(d.Name()))), f.typeOf(d))
}

func (f *protoFile) oneof(o protoreflect.OneofDescriptor) {
	f.doc("  ", f.text(o)+"@generated from oneof "+string(o.FullName())+deprecated(o))
	f.printf("  %s: {\n", property(camel(string(o.Name()))))
	for i := range o.Fields().Len() {
		if i > 0 {
			f.printf("  } | {\n")
		}
		d := o.Fields().Get(i)
		f.doc("    ", f.text(d)+f.declared(d))
		f.printf("    value: %s;\n    case: %q;\n", f.typeOf(d), camel(string(d.Name())))
	}
	f.printf("  } | { case: undefined; value?: undefined };\n")
}

// declared returns the tag that quotes a field's declaration.
func (f *protoFile) declared(d protoreflect.FieldDescriptor) string {
	words := []string{kindName(d), string(d.Name()), "=", fmt.Sprint(d.Number())}
	switch {
	case d.IsMap():
		words[0] = fmt.Sprintf("map<%s, %s>", kindName(d.MapKey()), kindName(d.MapValue()))
	case d.IsList():
		words[0] = "repeated " + words[0]
	case d.HasOptionalKeyword():
		words[0] = "optional " + words[0]
	}
	if options := declaredOptions(d); len(options) > 0 {
		words = append(words, "["+strings.Join(options, ", ")+"]")
	}
	tag := "@generated from field: " + strings.Join(words, " ") + ";"
	if isDeprecated(d) {
		tag += "\n@deprecated"
	}
	return tag
}

func declaredOptions(d protoreflect.FieldDescriptor) []string {
	var list []string
	o := fieldOptions(d)
	if o.Packed != nil {
		list = append(list, fmt.Sprintf("packed = %t", o.GetPacked()))
	}
	if d.JSONName() != camel(string(d.Name())) {
		list = append(list, fmt.Sprintf("json_name = %q", d.JSONName()))
	}
	if o.Jstype != nil {
		list = append(list, "jstype = "+o.GetJstype().String())
	}
	if o.Deprecated != nil {
		list = append(list, "deprecated = true")
	}
	return list
}

func kindName(d protoreflect.FieldDescriptor) string {
	switch {
	case d.Message() != nil:
		return string(d.Message().FullName())
	case d.Enum() != nil:
		return string(d.Enum().FullName())
	}
	return d.Kind().String()
}

// optional tells whether the property may be absent.
func optional(d protoreflect.FieldDescriptor) bool {
	return !d.IsList() && !d.IsMap() && (d.Message() != nil || d.HasOptionalKeyword())
}

func (f *protoFile) typeOf(d protoreflect.FieldDescriptor) string {
	switch {
	case d.IsMap():
		key := "string"
		switch d.MapKey().Kind() {
		case protoreflect.Int32Kind, protoreflect.Fixed32Kind, protoreflect.Uint32Kind, protoreflect.Sfixed32Kind, protoreflect.Sint32Kind:
			key = "number"
		}
		return "{ [key: " + key + "]: " + f.single(d.MapValue(), false) + " }"
	case d.IsList():
		return f.single(d, false) + "[]"
	}
	o := d.ContainingOneof()
	return f.single(d, o == nil || o.IsSynthetic())
}

// single returns the type of one value. Wrappers of google.protobuf are their
// value where a message holds one.
func (f *protoFile) single(d protoreflect.FieldDescriptor, unwrap bool) string {
	switch {
	case d.Enum() != nil:
		return f.shape(d.Enum())
	case d.Message() == nil:
		return scalar(d)
	case unwrap && isWrapper(d.Message()):
		return scalar(d.Message().Fields().Get(0))
	case d.Message().FullName() == "google.protobuf.Struct":
		return f.typ("JsonObject", runtime)
	}
	return f.shape(d.Message())
}

func isWrapper(m protoreflect.MessageDescriptor) bool {
	return m.ParentFile().Path() == "google/protobuf/wrappers.proto"
}

func (f *protoFile) shape(d protoreflect.Descriptor) string {
	if d.ParentFile().Path() == f.desc.Path() {
		return local(d)
	}
	return f.typ(local(d), moduleOf(d.ParentFile()))
}

func scalar(d protoreflect.FieldDescriptor) string {
	switch d.Kind() {
	case protoreflect.StringKind:
		return "string"
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.BytesKind:
		return "Uint8Array"
	case protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		if !d.IsMap() && longAsString(d) {
			return "string"
		}
		return "bigint"
	}
	return "number"
}
