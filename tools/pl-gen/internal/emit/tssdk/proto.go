package tssdk

import (
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Where protobuf-es has what generated modules use.
const (
	runtime = "@bufbuild/protobuf"
	codegen = runtime + "/codegenv2"
	wkt     = runtime + "/wkt"
)

// A protoFile is the module of one proto file.
type protoFile struct {
	*file
	desc protoreflect.FileDescriptor
	name string // of the value that describes the file
}

func emitProto(p *source.Proto) (plan.File, error) {
	if p.File.Syntax() != protoreflect.Proto3 || p.File.Extensions().Len() > 0 {
		return plan.File{}, fmt.Errorf("only proto3 without extensions has TypeScript here")
	}
	f := &protoFile{file: newFile(modulePath(p.File, ".ts"), p.Path), desc: p.File, name: fileName(p.File)}
	f.own[f.name] = true
	each(p.File.Messages(), f.claim)
	each(p.File.Enums(), f.claimEnum)
	each(p.File.Services(), func(s protoreflect.ServiceDescriptor) { f.own[local(s)] = true })
	raw, err := embedded(p.File)
	if err != nil {
		return plan.File{}, err
	}
	f.preamble()
	f.describe(raw)
	each(p.File.Messages(), f.message)
	each(p.File.Enums(), f.enum)
	each(p.File.Services(), f.service)
	return f.done(), nil
}

// modulePath returns the module of a proto file.
func modulePath(f protoreflect.FileDescriptor, ext string) string {
	return Dir + "/src/proto/" + strings.TrimSuffix(f.Path(), ".proto") + "_pb" + ext
}

func fileName(f protoreflect.FileDescriptor) string {
	return "file_" + strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, strings.TrimSuffix(f.Path(), ".proto"))
}

// A list is one of protoreflect's.
type list[D any] interface {
	Len() int
	Get(i int) D
}

func each[D any](l list[D], visit func(D)) {
	for i := range l.Len() {
		visit(l.Get(i))
	}
}

func (f *protoFile) claim(m protoreflect.MessageDescriptor) {
	if m.IsMapEntry() {
		return
	}
	f.own[local(m)], f.own[schemaOf(m)] = true, true
	each(m.Messages(), f.claim)
	each(m.Enums(), f.claimEnum)
}

func (f *protoFile) claimEnum(e protoreflect.EnumDescriptor) {
	f.own[local(e)], f.own[schemaOf(e)] = true, true
}

// describe prints the value that describes the file.
func (f *protoFile) describe(raw []byte) {
	f.doc("", "Describes the file "+f.desc.Path()+".")
	f.printf("export const %s: %s = /*@__PURE__*/\n", f.name, f.typ("GenFile", codegen))
	f.printf("  %s(%s", f.value("fileDesc", codegen), quote(base64.RawStdEncoding.EncodeToString(raw)))
	var needs []string
	each(f.desc.Imports(), func(i protoreflect.FileImport) {
		if !own(i.Package()) {
			needs = append(needs, f.value(fileName(i), moduleOf(i)))
		}
	})
	if len(needs) > 0 {
		f.printf(", [%s]", strings.Join(needs, ", "))
	}
	f.printf(");\n\n")
}

// own tells whether a name is one of our own options, which the package leaves
// out.
func own(name protoreflect.FullName) bool {
	return name == "pl.options.v1" || strings.HasPrefix(string(name), "pl.options.v1.")
}

// moduleOf returns the module that has what a file declares.
func moduleOf(f protoreflect.FileDescriptor) string {
	if strings.HasPrefix(string(f.Package()), "google.protobuf") {
		return wkt
	}
	return modulePath(f, ".js")
}

// embedded returns the descriptor that the module holds: without comments,
// imports, JSON names that follow from the fields' names, and our own options.
func embedded(f protoreflect.FileDescriptor) ([]byte, error) {
	d := stripped(f)
	d.Dependency = nil
	for _, m := range d.MessageType {
		dropJSONNames(m)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("describe the file: %w", err)
	}
	return raw, nil
}

func dropJSONNames(m *descriptorpb.DescriptorProto) {
	for _, field := range m.Field {
		if field.GetJsonName() == camel(field.GetName()) {
			field.JsonName = nil
		}
	}
	for _, nested := range m.NestedType {
		dropJSONNames(nested)
	}
}

func (f *protoFile) message(m protoreflect.MessageDescriptor) {
	if m.IsMapEntry() {
		return
	}
	f.doc("", f.text(m)+"@generated from message "+string(m.FullName())+deprecated(m))
	f.printf("export type %s = %s<%s> & {\n", local(m), f.typ("Message", runtime), quote(string(m.FullName())))
	f.members(m)
	f.printf("};\n\n")
	f.doc("", fmt.Sprintf("Describes the message %s.\nUse `create(%s)` to create a new message.", m.FullName(), schemaOf(m))+deprecated(m))
	f.printf("export const %s: %s<%s> = /*@__PURE__*/\n", schemaOf(m), f.typ("GenMessage", codegen), local(m))
	f.printf("  %s(%s, %s);\n\n", f.value("messageDesc", codegen), f.name, place(m))
	each(m.Messages(), f.message)
	each(m.Enums(), f.enum)
}

func (f *protoFile) enum(e protoreflect.EnumDescriptor) {
	f.doc("", f.text(e)+"@generated from enum "+string(e.FullName())+deprecated(e))
	f.printf("export enum %s {\n", local(e))
	prefix := sharedPrefix(e)
	for i := range e.Values().Len() {
		if i > 0 {
			f.printf("\n")
		}
		v := e.Values().Get(i)
		declared := fmt.Sprintf("%s = %d", v.Name(), v.Number())
		if isDeprecated(v) {
			declared += " [deprecated = true]"
		}
		after := ""
		if isDeprecated(v) {
			after = "\n@deprecated"
		}
		f.doc("  ", f.text(v)+"@generated from enum value: "+declared+";"+after)
		f.printf("  %s = %d,\n", property(string(v.Name())[len(prefix):]), v.Number())
	}
	f.printf("}\n\n")
	f.doc("", "Describes the enum "+string(e.FullName())+"."+deprecated(e))
	f.printf("export const %s: %s<%s> = /*@__PURE__*/\n", schemaOf(e), f.typ("GenEnum", codegen), local(e))
	f.printf("  %s(%s, %s);\n\n", f.value("enumDesc", codegen), f.name, place(e))
}

func (f *protoFile) service(s protoreflect.ServiceDescriptor) {
	f.doc("", f.text(s)+"@generated from service "+string(s.FullName())+deprecated(s))
	f.printf("export const %s: %s<{\n", local(s), f.typ("GenService", codegen))
	each(s.Methods(), f.method)
	f.printf("}> = /*@__PURE__*/\n  %s(%s, %d);\n\n", f.value("serviceDesc", codegen), f.name, s.Index())
}

func (f *protoFile) method(m protoreflect.MethodDescriptor) {
	name := string(m.Name())
	after := ""
	if isDeprecated(m) {
		after = "\n@deprecated"
	}
	f.doc("  ", f.text(m)+fmt.Sprintf("@generated from rpc %s.%s", m.Parent().FullName(), name)+after)
	f.printf("  %s: {\n", property(strings.ToLower(name[:1])+name[1:]))
	f.printf("    methodKind: %s;\n", quote(methodKind(m)))
	f.printf("    input: typeof %s;\n    output: typeof %s;\n  },\n", f.schema(m.Input()), f.schema(m.Output()))
}

func methodKind(m protoreflect.MethodDescriptor) string {
	switch {
	case m.IsStreamingClient() && m.IsStreamingServer():
		return "bidi_streaming"
	case m.IsStreamingClient():
		return "client_streaming"
	case m.IsStreamingServer():
		return "server_streaming"
	}
	return "unary"
}

// schema returns the name of a message's description, imported for its type.
func (f *protoFile) schema(m protoreflect.MessageDescriptor) string {
	if m.ParentFile().Path() == f.desc.Path() {
		return schemaOf(m)
	}
	return f.typ(schemaOf(m), moduleOf(m.ParentFile()))
}
