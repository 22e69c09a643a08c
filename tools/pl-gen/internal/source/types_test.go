package source

import (
	"slices"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
)

func TestTypes(t *testing.T) {
	s, err := avro.Parse("tree.avsc", []byte(`{"type": "record", "name": "Tree", "fields": [
		{"name": "next", "type": ["null", "Tree"]},
		{"name": "leaves", "type": {"type": "array", "items": {"type": "enum", "name": "Leaf", "symbols": ["GREEN"]}}},
		{"name": "last", "type": "Leaf"}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []avro.Kind
	for one := range Types(s) {
		kinds = append(kinds, one.Kind)
	}
	if want := []avro.Kind{avro.Record, avro.Union, avro.Null, avro.Array, avro.Enum}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	leaf := s.Fields[2].Type
	if !Uses(s, leaf) || !Uses(s, s) || Uses(leaf, s) || Uses(nil, s) {
		t.Error("the tree uses itself and its leaf, which uses neither")
	}
}
