package tssdk

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// local returns the TypeScript name of a message, enum or service: its name
// without the package, levels joined by an underscore.
func local(d protoreflect.Descriptor) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return identifier(strings.ReplaceAll(name, ".", "_"))
}

func schemaOf(d protoreflect.Descriptor) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return strings.ReplaceAll(name, ".", "_") + "Schema"
}

// reserved are the words that no type may be named, and ours behind them.
var reserved = strings.Fields(`break case catch class const continue debugger default delete do else export extends false
	finally for function if import in instanceof new null return super switch this throw true try typeof var void while with
	yield enum implements interface let package private protected public static Object bigint number boolean string object
	globalThis Uint8Array Partial`)

func identifier(name string) string {
	if slices.Contains(reserved, name) {
		return name + "$"
	}
	return name
}

// property returns the name of an object's property: some are JavaScript's own.
func property(name string) string {
	switch name {
	case "constructor", "toString", "toJSON", "valueOf":
		return name + "$"
	}
	return name
}

// camel returns the JSON name that follows from a field's name.
func camel(name string) string {
	var b strings.Builder
	up := false
	for _, r := range name {
		switch {
		case r == '_':
			up = true
			continue
		case up && 'a' <= r && r <= 'z':
			r -= 'a' - 'A'
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}

// sharedPrefix returns what the names of all values begin with, when it is the
// enum's name and each value has something behind it.
func sharedPrefix(e protoreflect.EnumDescriptor) string {
	prefix := snake(string(e.Name())) + "_"
	for i := range e.Values().Len() {
		name := string(e.Values().Get(i).Name())
		if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
			return ""
		}
		if c := name[len(prefix)]; '0' <= c && c <= '9' {
			return ""
		}
	}
	return prefix
}

// snake puts an underscore before each capital and lowers it.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// place returns the indexes that lead to a message or an enum in its file.
func place(d protoreflect.Descriptor) string {
	at := fmt.Sprint(index(d))
	for p := d.Parent(); p != nil; p = p.Parent() {
		if m, ok := p.(protoreflect.MessageDescriptor); ok {
			at = fmt.Sprintf("%d, %s", index(m), at)
		}
	}
	return at
}

// index counts the declarations of its kind before one; the entries of maps
// are none.
func index(d protoreflect.Descriptor) int {
	parent, nested := d.Parent().(protoreflect.MessageDescriptor)
	if _, message := d.(protoreflect.MessageDescriptor); !message || !nested {
		return d.Index()
	}
	n := 0
	for i := range d.Index() {
		if !parent.Messages().Get(i).IsMapEntry() {
			n++
		}
	}
	return n
}

func isDeprecated(d protoreflect.Descriptor) bool {
	o, ok := d.Options().(interface{ GetDeprecated() bool })
	return ok && o.GetDeprecated()
}

// deprecated returns the tag of what is deprecated, by itself or with what it
// is in.
func deprecated(d protoreflect.Descriptor) string {
	for ; d != nil; d = d.Parent() {
		if isDeprecated(d) {
			return "\n@deprecated"
		}
	}
	return ""
}

// stripped returns a file's descriptor without comments, our own options and the import
// that declares them.
func stripped(f protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	d := protodesc.ToFileDescriptorProto(f)
	d.Dependency = slices.DeleteFunc(d.Dependency, func(name string) bool { return name == "pl/options/v1/options.proto" })
	d.SourceCodeInfo = nil
	clearOwn(d.ProtoReflect())
	return d
}

// clearOwn takes our own options out of a descriptor, however deep. Options of
// which nothing is left go too.
func clearOwn(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Name() == "options" && field.Message() != nil && !field.IsList():
			if left := publicOptions(v.Message()); left == nil {
				m.Clear(field)
			} else {
				m.Set(field, protoreflect.ValueOfMessage(left))
			}
		case field.Message() != nil && field.IsList():
			for i := range v.List().Len() {
				clearOwn(v.List().Get(i).Message())
			}
		}
		return true
	})
}

// publicOptions returns a copy without our own, or nil when nothing is left.
func publicOptions(options protoreflect.Message) protoreflect.Message {
	kept := proto.Clone(options.Interface()).ProtoReflect()
	kept.SetUnknown(nil)
	kept.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if own(field.FullName()) {
			kept.Clear(field)
		}
		return true
	})
	if proto.Size(kept.Interface()) == 0 {
		return nil
	}
	return kept
}
