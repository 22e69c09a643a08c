package sample

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Request returns an invented request as indented JSON, with every field
// that a call can have; of a oneof the first.
func Request(d protoreflect.MessageDescriptor) string {
	w := &requestSampler{open: map[protoreflect.FullName]bool{}}
	w.message(d)
	var out bytes.Buffer
	if json.Indent(&out, w.b.Bytes(), "", "  ") != nil {
		return w.b.String()
	}
	return out.String()
}

type requestSampler struct {
	open map[protoreflect.FullName]bool
	b    bytes.Buffer
}

func (w *requestSampler) message(d protoreflect.MessageDescriptor) {
	w.open[d.FullName()] = true
	defer delete(w.open, d.FullName())
	w.b.WriteByte('{')
	first := true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() && o.Fields().Get(0) != f {
			continue
		}
		if m := element(f).Message(); m != nil && w.open[m.FullName()] {
			continue
		}
		if !first {
			w.b.WriteByte(',')
		}
		first = false
		w.json(f.JSONName())
		w.b.WriteByte(':')
		w.field(f)
	}
	w.b.WriteByte('}')
}

// element is a field, or what a map has as values.
func element(f protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if f.IsMap() {
		return f.MapValue()
	}
	return f
}

func (w *requestSampler) field(f protoreflect.FieldDescriptor) {
	switch {
	case f.IsMap():
		w.b.WriteString(`{"` + mapSample(f.MapKey()) + `":`)
		w.value(f.MapValue(), string(f.FullName()))
		w.b.WriteByte('}')
	case f.IsList():
		w.b.WriteByte('[')
		w.value(f, string(f.FullName()))
		w.b.WriteByte(']')
	default:
		w.value(f, string(f.FullName()))
	}
}

func mapSample(key protoreflect.FieldDescriptor) string {
	switch key.Kind() {
	case protoreflect.StringKind:
		return "example"
	case protoreflect.BoolKind:
		return "true"
	}
	return "1"
}

func (w *requestSampler) value(f protoreflect.FieldDescriptor, path string) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		w.nested(f.Message())
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		w.json(string(values.Get(min(1, values.Len()-1)).Name()))
	case protoreflect.BoolKind:
		w.b.WriteString("true")
	case protoreflect.StringKind:
		w.json(word(path))
	case protoreflect.BytesKind:
		w.json([]byte("bytes"))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		w.b.WriteString("0.5")
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.json("1")
	default:
		w.b.WriteByte('1')
	}
}

// nested writes a message; those of protobuf have a JSON form of their own.
func (w *requestSampler) nested(d protoreflect.MessageDescriptor) {
	if d.ParentFile().Package() != "google.protobuf" {
		w.message(d)
		return
	}
	switch d.Name() {
	case "Timestamp":
		w.json(epoch.Format("2006-01-02T15:04:05Z07:00"))
	case "Duration":
		w.json("30s")
	case "FieldMask", "StringValue":
		w.json("title")
	case "Int64Value", "UInt64Value", "BytesValue":
		w.json("1000")
	case "BoolValue":
		w.b.WriteString("true")
	case "Int32Value", "UInt32Value", "FloatValue", "DoubleValue", "Value":
		w.b.WriteByte('1')
	case "ListValue":
		w.b.WriteString("[]")
	case "Any":
		fmt.Fprintf(&w.b, `{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}`)
	default:
		w.b.WriteString("{}")
	}
}

func (w *requestSampler) json(v any) {
	e := json.NewEncoder(&w.b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and bytes always encode
}
