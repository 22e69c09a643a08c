package sample

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// TestSamplesAreValues reads every sample with another implementation and
// expects it back when that writes it again: a union that names no branch, or
// the wrong one, would not come back.
func TestSamplesAreValues(t *testing.T) {
	for _, s := range append(contracts(t), schemaOf(t, shapes)) {
		schema, err := twmb.Parse(string(avro.Text(s)))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		text := Avro(s)
		if err := schema.DecodeJSON([]byte(text), &v, twmb.TaggedUnions()); err != nil {
			t.Errorf("%s: %v\n%s", s.FullName(), err, text)
			continue
		}
		again, err := schema.EncodeJSON(v, twmb.TaggedUnions())
		if err != nil {
			t.Errorf("%s: %v", s.FullName(), err)
			continue
		}
		if !reflect.DeepEqual(jsonOf(t, []byte(text)), jsonOf(t, again)) {
			t.Errorf("%s: the sample\n%s\nis read as\n%s", s.FullName(), text, again)
		}
	}
}

// shapes has a union of records, recursion, and types that have a JSON form of
// their own.
const shapes = `{ "type": "record", "namespace": "x", "name": "BookLost", "fields": [
  { "name": "parts", "type": { "type": "array", "items": "BookLost" }, "default": [] },
  { "name": "next", "type": ["null", "BookLost"], "default": null },
  { "name": "how", "type": [
    { "type": "record", "name": "Fire", "fields": [ { "name": "at", "type": { "type": "int", "logicalType": "date" } } ] },
    { "type": "record", "name": "Flood", "fields": [ { "name": "at", "type": { "type": "int", "logicalType": "time-millis" } } ] } ] },
  { "name": "price", "type": ["null", { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 }] },
  { "name": "raw", "type": ["null", "bytes"] },
  { "name": "share", "type": ["null", "float"] },
  { "name": "kind", "type": ["null", { "type": "enum", "name": "Kind", "symbols": ["A", "B"] }] },
  { "name": "sum", "type": ["null", { "type": "fixed", "name": "Sum", "size": 4 }] } ] }`

// contracts are the events of this repository.
func contracts(t *testing.T) []*avro.Schema {
	t.Helper()
	set, _, err := source.Load(os.DirFS("../../../../.."))
	if err != nil {
		t.Fatal(err)
	}
	var list []*avro.Schema
	for _, a := range set.Avro {
		list = append(list, a.Schema)
	}
	if len(list) < 10 {
		t.Fatalf("only %d schemas", len(list))
	}
	return list
}

func jsonOf(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

func schemaOf(t *testing.T, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse("test.avsc", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSamplesOfShapes covers every kind of type, in both forms.
func TestSamplesOfShapes(t *testing.T) {
	for _, e := range []struct{ schema, tagged, plain string }{
		{`{"type": "int", "logicalType": "date"}`, `20468`, `"2026-01-15"`},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}`, `"\u0007Ï"`, `"19.99"`},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 2}`, `"\u0000\u0007"`, `"0.07"`},
		{`{"type": "fixed", "name": "F", "size": 1, "logicalType": "decimal", "precision": 1}`, `"\u0007"`, `"7"`},
		{`["null", {"type": "long", "logicalType": "timestamp-millis"}]`, ``, ``},
		{`{"type": "map", "values": "boolean"}`, `{"example": true}`, `{"example": true}`},
		{`["null"]`, `null`, `null`},
		{`{"type": "record", "name": "R", "fields": [{"name": "next", "type": ["null", "R"]}]}`, `{"next": null}`, `{"next": null}`},
		{`{"type": "record", "name": "R", "fields": [{"name": "all", "type": {"type": "map", "values": "R"}}]}`, `{"all": {}}`, `{"all": {}}`},
		{`{"type": "record", "name": "R", "fields": []}`, `{}`, `{}`},
	} {
		s := schemaOf(t, e.schema)
		tagged, plain := Avro(s), Plain(s)
		if e.tagged != "" && !reflect.DeepEqual(jsonOf(t, []byte(tagged)), jsonOf(t, []byte(e.tagged))) {
			t.Errorf("%s: %s, want %s", e.schema, tagged, e.tagged)
		}
		if e.plain != "" && !reflect.DeepEqual(jsonOf(t, []byte(plain)), jsonOf(t, []byte(e.plain))) {
			t.Errorf("%s: %s, want %s", e.schema, plain, e.plain)
		}
		if again := Avro(s); again != tagged {
			t.Errorf("%s: another sample the second time", e.schema)
		}
	}
}
