package avro

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
)

// same reports whether two schemas are equal as Java's Schema.equals sees it,
// which decides whether a name may be defined again: docs and aliases do not
// count, and a reference that is still open equals nothing.
func (p *parser) same(a, b *Schema) bool {
	return sameSchema(a, b, map[[2]*Schema]bool{})
}

func sameSchema(a, b *Schema, seen map[[2]*Schema]bool) bool {
	pair := [2]*Schema{a, b}
	if a == b && a.Kind != 0 || seen[pair] {
		return true
	}
	seen[pair] = true
	if a.Kind != b.Kind || a.Kind == 0 || a.FullName() != b.FullName() || a.Size != b.Size ||
		!slices.Equal(a.Symbols, b.Symbols) || !sameLogical(a, b) || !sameProps(a.Props, b.Props) {
		return false
	}
	if a.Items != nil && !sameSchema(a.Items, b.Items, seen) {
		return false
	}
	return slices.EqualFunc(a.Branches, b.Branches, func(x, y *Schema) bool { return sameSchema(x, y, seen) }) &&
		slices.EqualFunc(a.Fields, b.Fields, func(x, y *Field) bool { return sameField(x, y, seen) })
}

func sameLogical(a, b *Schema) bool {
	return a.LogicalType == b.LogicalType && a.Precision == b.Precision && a.Scale == b.Scale
}

func sameField(a, b *Field, seen map[[2]*Schema]bool) bool {
	return a.Name == b.Name && a.HasDefault == b.HasDefault && sameJSON(a.Default, b.Default) &&
		(a.Order == b.Order || ascending(a) && ascending(b)) && sameProps(a.Props, b.Props) &&
		sameSchema(a.Type, b.Type, seen)
}

func ascending(f *Field) bool { return f.Order == "" || f.Order == "ascending" }

func sameProps(a, b map[string]json.RawMessage) bool {
	if len(a) != len(b) {
		return false
	}
	for name, text := range a {
		other, ok := b[name]
		if !ok || !sameJSON(text, other) {
			return false
		}
	}
	return true
}

func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return unmarshal(a, &x) == nil && unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func unmarshal(text []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}
