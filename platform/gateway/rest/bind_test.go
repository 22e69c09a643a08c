package rest

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// TestAnyRequestArrives makes a REST request of any message, in the path and
// the body or in the path and the query, and reads it back.
func TestAnyRequestArrives(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"PUT", "GET"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			route := get(verb)
			rapid.Check(t, func(t *rapid.T) {
				want := drawMessage(t, shapeType(), 3, verb == "GET")
				fillPath(t, want)
				path, query, body := writeRequest(t, route, want)
				segments := strings.Split(path, "/")
				place, values := rootOf(t).find(path)
				if place == nil {
					t.Fatalf("%s is not found (%d segments)", path, len(segments))
				}
				parsed, err := url.ParseQuery(query)
				if err != nil {
					t.Fatal(err)
				}
				got, p := route.bind(values, parsed, body)
				if p != nil {
					t.Fatalf("%v\n%s?%s\n%s", p, path, query, body)
				}
				if !proto.Equal(got, want.Interface()) {
					t.Fatalf("got %v\nwant %v\nfrom %s?%s\n%s", got, want, path, query, body)
				}
			})
		})
	}
}

func rootOf(t interface{ Fatal(...any) }) *node {
	var root node
	for _, m := range shapesAPI.Methods[:4] {
		if err := root.add(m); err != nil {
			t.Fatal(err)
		}
	}
	return &root
}

func fillPath(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("name"), protoreflect.ValueOfString(rapid.StringN(1, 20, -1).Draw(t, "name")))
	m.Set(fields.ByName("number"), protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "number")))
}

// writeRequest is the request of a message, as a client writes it.
func writeRequest(t *rapid.T, r *route, m protoreflect.Message) (path, query string, body []byte) {
	path = r.Route.Path
	rest := proto.Clone(m.Interface()).ProtoReflect()
	for _, f := range r.path {
		path = strings.ReplaceAll(path, "{"+string(f.Name())+"}", url.PathEscape(m.Get(f).String()))
		rest.Clear(f)
	}
	if r.inBody() {
		body, err := protojson.MarshalOptions{UseProtoNames: rapid.Bool().Draw(t, "proto names")}.Marshal(rest.Interface())
		if err != nil {
			t.Fatal(err)
		}
		return path, "", body
	}
	values := url.Values{}
	writeQuery(values, "", rest)
	return path, values.Encode(), nil
}

func writeQuery(to url.Values, prefix string, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		key := prefix + string(f.Name())
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				to.Add(key, textOf(f, v.List().Get(i)))
			}
		case f.Message() != nil && !asText[f.Message().FullName()]:
			writeQuery(to, key+".", v.Message())
		default:
			to.Add(key, textOf(f, v))
		}
		return true
	})
}

// textOf is the text of a value in a query.
func textOf(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case f.Message() != nil:
		text, err := protojson.Marshal(v.Message().Interface())
		if err != nil {
			panic(err)
		}
		if plain, err := strconv.Unquote(string(text)); err == nil {
			return plain
		}
		return string(text)
	case f.Kind() == protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case f.Kind() == protoreflect.EnumKind:
		if known := f.Enum().Values().ByNumber(v.Enum()); known != nil {
			return string(known.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case f.Kind() == protoreflect.FloatKind, f.Kind() == protoreflect.DoubleKind:
		return floatText(v.Float())
	}
	return v.String()
}

func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// drawMessage returns any message of the type; flat leaves out what a query
// cannot hold, among it messages without fields that are set.
func drawMessage(t *rapid.T, d protoreflect.MessageDescriptor, depth int, flat bool) protoreflect.Message {
	m := dynamicpb.NewMessage(d)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		nested := f.Message() != nil && !asText[f.Message().FullName()]
		switch {
		case !rapid.Bool().Draw(t, string(f.Name())), nested && depth == 0:
		case f.IsMap() && !flat:
			drawMap(t, m.Mutable(f).Map(), f, depth-1)
		case f.IsMap(), f.IsList() && nested && flat:
		case f.IsList():
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				m.Mutable(f).List().Append(drawValue(t, f, depth-1, flat))
			}
		default:
			v := drawValue(t, f, depth-1, flat)
			if nested && flat && proto.Size(v.Message().Interface()) == 0 {
				continue
			}
			m.Set(f, v)
		}
	}
	return m
}

func drawMap(t *rapid.T, m protoreflect.Map, f protoreflect.FieldDescriptor, depth int) {
	for range rapid.IntRange(0, 3).Draw(t, "size") {
		m.Set(drawValue(t, f.MapKey(), depth, false).MapKey(), drawValue(t, f.MapValue(), depth, false))
	}
}

func drawValue(t *rapid.T, f protoreflect.FieldDescriptor, depth int, flat bool) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return protoreflect.ValueOfMessage(drawInner(t, f.Message(), depth, flat))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(rapid.SampledFrom([]protoreflect.EnumNumber{0, 1, -2, 77}).Draw(t, "enum"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, "text"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(rapid.Float32().Draw(t, "float"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64().Draw(t, "double"))
	}
	return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
}

func drawInner(t *rapid.T, d protoreflect.MessageDescriptor, depth int, flat bool) protoreflect.Message {
	m := dynamicpb.NewMessage(d)
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		m.Set(d.Fields().ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds")))
		m.Set(d.Fields().ByName("nanos"), protoreflect.ValueOfInt32(rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")))
		return m
	case "google.protobuf.Duration":
		m.Set(d.Fields().ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(0, 315576000000).Draw(t, "seconds")))
		m.Set(d.Fields().ByName("nanos"), protoreflect.ValueOfInt32(rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")))
		return m
	}
	return drawMessage(t, d, depth, flat)
}

// FuzzBind reads any request; what is accepted means the same when it is
// written again.
func FuzzBind(f *testing.F) {
	f.Add("n", "1", "text=a&tags=b&tags=c&inner.deeper.count=2&begins_at=2026-05-01T12:00:00Z", `{}`)
	f.Add("%00", "-1", "color=COLOR_RED&raw=_w&double_float=NaN&right=3&left=x", `{"inner":{"note":1}}`)
	f.Add("", "x", "name=y&counts=3&inner=4&inner.x=5&..=6", `{"counts":{"a":"b"},"byNumber":{"x":{}},"inners":[null],"left":"a","right":"1"}`)
	f.Add("a", "9223372036854775807", "times=0001-01-01T00:00:00Z&truth=true&blob=AA&maybe=7", `[1]`)
	f.Add("a", "1", "a=b;c=d", `{"name":"b","tags":["x"],"tags":["y"]}`)
	f.Fuzz(func(t *testing.T, name, number, query, body string) {
		for _, verb := range []string{"GET", "PUT"} {
			values, err := url.ParseQuery(query)
			if err != nil || verb == "PUT" {
				values = nil
			}
			route := get(verb)
			got, p := route.bind([]string{name, number}, values, []byte(body))
			if p != nil {
				if got != nil || p.Status != 400 || p.Detail == "" {
					t.Errorf("a refusal with status %d, detail %q and request %v", p.Status, p.Detail, got)
				}
				continue
			}
			if _, err := proto.Marshal(got); err != nil {
				t.Errorf("%s accepts what cannot be sent: %v", verb, err)
			}
		}
	})
}
