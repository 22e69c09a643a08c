package catalog

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// TestSamplesAreValues reads every sample with another implementation and
// expects it back when that writes it again: a union that names no branch, or
// the wrong one, would not come back.
func TestSamplesAreValues(t *testing.T) {
	m := load(t, os.DirFS(top))
	events := append(m.Events, load(t, library(t)).Events...)
	for _, e := range events {
		schema, err := twmb.Parse(string(e.Text))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		text := sample(e.Schema, true)
		if err := schema.DecodeJSON([]byte(text), &v, twmb.TaggedUnions()); err != nil {
			t.Errorf("%s: %v\n%s", e.Topic, err, text)
			continue
		}
		again, err := schema.EncodeJSON(v, twmb.TaggedUnions())
		if err != nil {
			t.Errorf("%s: %v", e.Topic, err)
			continue
		}
		if !reflect.DeepEqual(jsonOf(t, []byte(text)), jsonOf(t, again)) {
			t.Errorf("%s: the sample\n%s\nis read as\n%s", e.Topic, text, again)
		}
	}
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
		tagged, plain := sample(s, true), sample(s, false)
		if e.tagged != "" && !reflect.DeepEqual(jsonOf(t, []byte(tagged)), jsonOf(t, []byte(e.tagged))) {
			t.Errorf("%s: %s, want %s", e.schema, tagged, e.tagged)
		}
		if e.plain != "" && !reflect.DeepEqual(jsonOf(t, []byte(plain)), jsonOf(t, []byte(e.plain))) {
			t.Errorf("%s: %s, want %s", e.schema, plain, e.plain)
		}
		if again := sample(s, true); again != tagged {
			t.Errorf("%s: another sample the second time", e.schema)
		}
	}
}

func TestPersonalDataIsFoundInSharedRecords(t *testing.T) {
	site := build(t, load(t, library(t)), nil)
	if page := site["events/pl.library.book_lost.v1.html"]; !strings.Contains(page, "<code>shelf.keeper</code>") {
		t.Error("personal data in a shared record is not told")
	}
}
