package avro_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A schemaGen draws random valid schema texts with shared, recursive and
// nested named types, namespaces, defaults, aliases and properties.
type schemaGen struct {
	t     *rapid.T
	named int
	types []string // the full names that are complete
}

func (g *schemaGen) choose(what string, n int) int { return rapid.IntRange(0, n-1).Draw(g.t, what) }

func (g *schemaGen) schema(depth int) any {
	if depth == 0 {
		return g.primitive()
	}
	switch g.choose("kind", 7) {
	case 0:
		return g.record(depth)
	case 1:
		return map[string]any{"type": "array", "items": g.schema(depth - 1), "x": []int{1, 2}}
	case 2:
		return map[string]any{"type": "map", "values": g.schema(depth - 1)}
	case 3:
		return []any{"null", g.record(depth), map[string]any{"type": "array", "items": g.schema(depth - 1)}}
	case 4:
		return g.leaf()
	case 5:
		if len(g.types) > 0 {
			return rapid.SampledFrom(g.types).Draw(g.t, "reference")
		}
	}
	return g.primitive()
}

func (g *schemaGen) primitive() any {
	return rapid.SampledFrom([]any{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
		map[string]any{"type": "long", "logicalType": "timestamp-micros"},
		map[string]any{"type": "int", "logicalType": "no-such-type", "p": map[string]any{"b": 1, "a": "\u2028<é>"}},
		map[string]any{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
		map[string]any{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 12},
		map[string]any{"type": "string", "logicalType": "uuid"}}).Draw(g.t, "primitive")
}

// head begins a named type; done adds its name to those that may be used.
func (g *schemaGen) head(kind string) (def map[string]any, done func()) {
	g.named++
	namespace := rapid.SampledFrom([]string{"a", "a.b", "c"}).Draw(g.t, "namespace")
	name := fmt.Sprintf("T%d", g.named)
	def = map[string]any{"type": kind, "name": name, "namespace": namespace, "doc": `say "hi"`,
		"aliases": []string{"Old" + name, "other.Old", ".Top"}, "pl": map[string]any{"key": "id"}}
	return def, func() { g.types = append(g.types, namespace+"."+name) }
}

func (g *schemaGen) leaf() any {
	if g.choose("leaf", 2) == 0 {
		def, done := g.head("enum")
		defer done()
		def["symbols"], def["default"] = []string{"A", "B"}, "B"
		return def
	}
	def, done := g.head("fixed")
	defer done()
	def["size"], def["logicalType"] = 12, "duration"
	return def
}

func (g *schemaGen) record(depth int) any {
	def, done := g.head(rapid.SampledFrom([]string{"record", "error"}).Draw(g.t, "record or error"))
	self := def["namespace"].(string) + "." + def["name"].(string)
	fields := []any{map[string]any{"name": "self", "type": []any{"null", self}, "default": nil, "order": "ignore"}}
	for i := range g.choose("fields", 4) {
		fields = append(fields, map[string]any{"name": fmt.Sprintf("f%d", i), "type": g.schema(depth - 1),
			"doc": "a field", "aliases": []string{"o"}, "pl": map[string]any{"pii": "name"}})
	}
	fields = append(fields, map[string]any{"name": "d", "type": "double", "default": 1.5, "order": "descending"})
	def["fields"] = fields
	done()
	return def
}

func drawSchema(t *rapid.T) *avro.Schema {
	g := &schemaGen{t: t}
	text, err := json.Marshal(g.schema(4))
	if err != nil {
		t.Fatal(err)
	}
	s, err := avro.Parse("drawn.avsc", text, nil)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s
}

func TestTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t)
		text := avro.Text(s)
		back, err := avro.Parse("text.avsc", text, nil)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if again := avro.Text(back); string(again) != string(text) {
			t.Fatalf("the text changes:\n%s\n%s", text, again)
		}
		if a, b := avro.Canonical(s), avro.Canonical(back); string(a) != string(b) {
			t.Fatalf("the canonical form changes:\n%s\n%s", a, b)
		}
		if !equal(s, back, map[[2]*avro.Schema]bool{}) {
			t.Fatalf("the schema changes: %s", text)
		}
	})
}

// equal compares all of two schemas but the positions.
func equal(a, b *avro.Schema, seen map[[2]*avro.Schema]bool) bool {
	if a == nil || b == nil || seen[[2]*avro.Schema{a, b}] {
		return a == b || a != nil && b != nil
	}
	seen[[2]*avro.Schema{a, b}] = true
	for i := range max(len(a.Branches), len(b.Branches)) {
		if len(a.Branches) != len(b.Branches) || !equal(a.Branches[i], b.Branches[i], seen) {
			return false
		}
	}
	for i := range max(len(a.Fields), len(b.Fields)) {
		if len(a.Fields) != len(b.Fields) || !equal(a.Fields[i].Type, b.Fields[i].Type, seen) ||
			!reflect.DeepEqual(bareField(*a.Fields[i]), bareField(*b.Fields[i])) {
			return false
		}
	}
	return equal(a.Items, b.Items, seen) && reflect.DeepEqual(bare(*a), bare(*b))
}

func bare(s avro.Schema) avro.Schema {
	s.Pos, s.NamePos, s.PropPos, s.SymbolPos = avro.Pos{}, avro.Pos{}, nil, nil
	s.Fields, s.Branches, s.Items = nil, nil, nil
	return s
}

func bareField(f avro.Field) avro.Field {
	f.Pos, f.NamePos, f.TypePos, f.DefaultPos, f.PropPos, f.Type = avro.Pos{}, avro.Pos{}, avro.Pos{}, avro.Pos{}, nil, nil
	return f
}

func TestText(t *testing.T) {
	const shared = `{"type": "record", "namespace": "pl.common.v1", "name": "Money", "fields": [
		{"name": "units", "type": "long"}]}`
	const event = `{"type": "record", "namespace": "pl.shop.v1", "name": "Paid", "pl": {"key": "id"}, "doc": "Paid.",
		"fields": [{"name": "id", "type": "string"}, // who
			{"name": "sum", "type": "pl.common.v1.Money"}, {"name": "tip", "type": ["null", "pl.common.v1.Money"], "default": null}]}`
	all, err := avro.ParseFiles([]avro.File{{"paid.avsc", []byte(event)}, {"money.avsc", []byte(shared)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "text", string(avro.Text(all[0])), `{"type":"record","name":"Paid","namespace":"pl.shop.v1","doc":"Paid.","fields":[`+
		`{"name":"id","type":"string"},{"name":"sum","type":{"type":"record","name":"Money","namespace":"pl.common.v1","fields":[`+
		`{"name":"units","type":"long"}]}},{"name":"tip","type":["null","pl.common.v1.Money"],"default":null}],"pl":{"key":"id"}}`)
}
