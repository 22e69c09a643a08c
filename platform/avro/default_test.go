package avro_test

import (
	"fmt"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
)

func TestFloatDefaultsBecomeNumbers(t *testing.T) {
	for text, number := range map[string]string{`1.50`: `1.50`, `"1.50"`: `1.5`, `"1f"`: `1`, `"0x1p3"`: `8`, `"NaN"`: `"NaN"`,
		`"-NaN"`: `"NaN"`, `"+Infinity"`: `"Infinity"`, `"-Infinity"`: `"-Infinity"`, `"1e999"`: `"Infinity"`} {
		s, err := avro.Parse("x.avsc", fmt.Appendf(nil, `{"type":"record","name":"R","fields":[{"name":"f","type":"double","default":%s}]}`, text), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want(t, text, string(s.Fields[0].Default), number)
	}
}

func TestPositions(t *testing.T) {
	const text = `{"type": "record", "name": "R", "namespace": "n",
  "pl": {"key": "id"},
  "fields": [
    {"name": "e", "pl": {"pii": "name"},
     "type": {"type": "enum", "name": "E", "symbols": ["A",
        "B"], "symbolDocs": {"B": "second"}}, "default": "B"}]}`
	s, err := avro.Parse("r.avsc", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Fields[0]
	for what, got := range map[string]struct {
		pos  avro.Pos
		want string
	}{
		"record":         {s.Pos, "r.avsc:1:1"},
		"name":           {s.NamePos, "r.avsc:1:28"},
		"property":       {s.PropPos["pl"], "r.avsc:2:9"},
		"field":          {f.Pos, "r.avsc:4:5"},
		"field name":     {f.NamePos, "r.avsc:4:14"},
		"field property": {f.PropPos["pl"], "r.avsc:4:25"},
		"type":           {f.TypePos, "r.avsc:5:14"},
		"enum name":      {f.Type.NamePos, "r.avsc:5:39"},
		"symbol":         {f.Type.SymbolPos[1], "r.avsc:6:9"},
		"default":        {f.DefaultPos, "r.avsc:6:58"},
	} {
		want(t, what, got.pos.String(), got.want)
	}
	want(t, "symbol doc", f.Type.SymbolDocs["B"], "second")
}

func BenchmarkParse(b *testing.B) {
	const text = `{"type": "record", "namespace": "pl.achievement.v1", "name": "BadgeAwarded", "doc": "A student earned a badge.",
  "pl": {"key": "studentId", "subject": "studentId", "compat": "FULL_TRANSITIVE"},
  "fields": [{"name": "studentId", "type": "string", "doc": "Who earned it."},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "When."},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"], "default": "A"}, "default": "A"},
    {"name": "studentName", "type": ["null", "string"], "default": null, "pl": {"pii": "name"}}]}`
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := avro.Parse("x.avsc", []byte(text), nil); err != nil {
			b.Fatal(err)
		}
	}
}
