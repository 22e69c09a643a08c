package openapi

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

const top = "../../../../.."

func decode(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A served is a context with its document, whose schemas can be compiled.
type served struct {
	context  *model.Context
	text     []byte
	compiler *jsonschema.Compiler
}

func documents(t *testing.T, m *model.Model) []served {
	t.Helper()
	var list []served
	for _, c := range m.Contexts {
		files, err := Emit(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			s := served{c, f.Content, jsonschema.NewCompiler()}
			s.compiler.AssertFormat()
			if err := s.compiler.AddResource("mem:///doc.json", decode(t, f.Content)); err != nil {
				t.Fatal(err)
			}
			list = append(list, s)
		}
	}
	return list
}

// schema compiles one schema, and with it everything that it refers to.
func (s served) schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	schema, err := s.compiler.Compile("mem:///doc.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func official(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///openapi.json", decode(t, text)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:///openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestTheOfficialSchemaAcceptsEveryDocument(t *testing.T) {
	schema := official(t)
	all := append(documents(t, modeltest.Load(t, os.DirFS(top))), documents(t, modeltest.Load(t, shapes(t)))...)
	if len(all) < 6 {
		t.Fatalf("only %d documents", len(all))
	}
	for _, s := range all {
		if err := schema.Validate(decode(t, s.text)); err != nil {
			t.Errorf("%s: %#v", s.context.Name, err)
		}
	}
}

// TestTheOfficialSchemaRefusesFaults shows that the check above can fail.
func TestTheOfficialSchemaRefusesFaults(t *testing.T) {
	schema := official(t)
	text := string(documents(t, modeltest.Load(t, os.DirFS(top)))[0].text)
	for old, new := range map[string]string{
		`"openapi": "3.1.0"`: `"openapi": "2.0"`,
		`"in": "header"`:     `"in": "heading"`,
		`"x-query"`:          `"query"`,
		`"post"`:             `"posted"`,
	} {
		if !strings.Contains(text, old) {
			t.Errorf("the document lacks %s", old)
		}
		if schema.Validate(decode(t, []byte(strings.Replace(text, old, new, 1)))) == nil {
			t.Errorf("%s is accepted", new)
		}
	}
}

// TestMessagesFitTheirSchemas encodes every message as Connect does and holds
// it against its schema, empty and full.
func TestMessagesFitTheirSchemas(t *testing.T) {
	all := append(documents(t, modeltest.Load(t, os.DirFS(top))), documents(t, modeltest.Load(t, shapes(t)))...)
	for _, s := range all {
		for _, m := range s.context.Service.Methods {
			out := m.Output.Desc
			schema := s.schema(t, string(out.FullName()))
			fits(t, schema, dynamicpb.NewMessage(out))
			fits(t, schema, full(out, 3))
			in := s.schema(t, s.requestName(m))
			fits(t, in, full(m.Input.Desc, 3))
		}
	}
}

// requestName is the name of the schema of a call's request.
func (s served) requestName(m *model.Method) string {
	name := string(m.Input.Desc.FullName())
	if bytes.Contains(s.text, []byte(`"`+name+`.Request": {`)) {
		return name + ".Request"
	}
	return name
}

func fits(t *testing.T, schema *jsonschema.Schema, m proto.Message) {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(decode(t, text)); err != nil {
		t.Errorf("%s: %v\n%s", m.ProtoReflect().Descriptor().FullName(), err, text)
	}
}

// full returns a message with all fields set, to a depth, to values that the
// rules of the contracts allow.
func full(d protoreflect.MessageDescriptor, depth int) proto.Message {
	m := dynamicpb.NewMessage(d)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if o := f.ContainingOneof(); o != nil && o.Fields().Get(0) != f {
			continue
		}
		switch {
		case f.IsMap():
			if f.MapValue().Message() == nil || depth > 0 {
				m.Mutable(f).Map().Set(valueOf(f.MapKey(), depth).MapKey(), valueOf(f.MapValue(), depth-1))
			}
		case f.IsList():
			if f.Message() == nil || depth > 0 {
				m.Mutable(f).List().Append(valueOf(f, depth-1))
			}
		case f.Message() == nil || depth > 0:
			m.Set(f, valueOf(f, depth-1))
		}
	}
	return m
}

func valueOf(f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("x")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{1, 2})
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len() - 1).Number())
	case protoreflect.MessageKind:
		return protoreflect.ValueOfMessage(full(f.Message(), depth).ProtoReflect())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(1)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1)
	}
	return protoreflect.ValueOfInt64(1)
}

func TestEmittingTwiceGivesTheSame(t *testing.T) {
	first, second := documents(t, modeltest.Load(t, os.DirFS(top))), documents(t, modeltest.Load(t, os.DirFS(top)))
	for i := range first {
		if !bytes.Equal(first[i].text, second[i].text) {
			t.Errorf("%s differs", first[i].context.Name)
		}
	}
}
