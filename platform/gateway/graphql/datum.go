package graphql

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// datum fills a slot with a part of an event. The event is in the JSON of
// docs/realtime.md, which a type of the schema says everything about but the
// names of the records in a union.
func (r *run) datum(s *slot, f *graphql.CollectedField, t *ast.Type, v any) {
	switch v := v.(type) {
	case nil:
		r.absent(s, f)
	case []any:
		if t.Elem == nil {
			r.datumLeaf(s, f, t, v)
			return
		}
		for i, element := range s.list(len(v), t.Elem.NonNull) {
			r.datum(element, f, t.Elem, v[i])
		}
	case map[string]any:
		r.datumObject(s, f, t, v)
	default:
		r.datumLeaf(s, f, t, v)
	}
}

// datumObject fills a slot with a record: one of a union stands in an object
// with its name.
func (r *run) datumObject(s *slot, f *graphql.CollectedField, t *ast.Type, v map[string]any) {
	of := r.schema.Types[t.Name()]
	switch of.Kind {
	case ast.Object:
		r.record(s, f, of, v)
	case ast.Union:
		for name, branch := range v {
			inner, isRecord := branch.(map[string]any)
			if variant := r.schema.Types[r.variants[name]]; variant != nil && isRecord && slices.Contains(of.Types, variant.Name) {
				r.record(s, f, variant, inner)
				return
			}
		}
		r.fail(s, f, errUnknown)
	default:
		r.datumLeaf(s, f, t, v)
	}
}

// record fills a slot with the fields of a record.
func (r *run) record(s *slot, f *graphql.CollectedField, of *ast.Definition, v map[string]any) {
	s.kind = objectSlot
	for _, inner := range graphql.CollectFields(r.operation, f.Selections, r.namesOf(of)) {
		slot := s.field(inner.Alias, inner.Definition.Type.NonNull)
		if inner.Name == "__typename" {
			slot.leaf = quoted(of.Name)
			continue
		}
		r.datum(slot, &inner, inner.Definition.Type, v[inner.Name])
	}
}

// namesOf returns the types that an object fits: its own and its unions.
func (r *run) namesOf(of *ast.Definition) []string {
	names := []string{of.Name}
	for _, union := range r.schema.GetImplements(of) {
		names = append(names, union.Name)
	}
	return names
}

// datumLeaf fills a slot with a value that has no fields in the schema, if its
// JSON is what the type has.
func (r *run) datumLeaf(s *slot, f *graphql.CollectedField, t *ast.Type, v any) {
	number, isNumber := v.(json.Number)
	text, isText := v.(string)
	var fits bool
	switch name := t.Name(); name {
	case "JSON":
		fits = true
	case "Int", "Float":
		fits = isNumber
	case "Int64", "UInt32": // JSON loses their digits
		v, fits = number.String(), isNumber
	case "Boolean":
		_, fits = v.(bool)
	default:
		of := r.schema.Types[name]
		fits = isText && (of.Kind != ast.Enum || of.EnumValues.ForName(text) != nil)
	}
	if !fits {
		r.fail(s, f, errMisfit)
		return
	}
	leaf, err := json.Marshal(v)
	if err != nil {
		r.fail(s, f, err)
		return
	}
	s.leaf = leaf
}

func decodeNumbers(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(to)
}
