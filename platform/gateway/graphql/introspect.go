package graphql

import (
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

// introspect answers __schema and __type.
func (r *run) introspect(s *slot, f *graphql.CollectedField) {
	if r.operation.DisableIntrospection {
		r.fail(s, f, problem.New("permission_denied", "this server does not tell its schema; it is among the project's generated files"))
		return
	}
	if f.Name == "__schema" {
		r.described(s, f, introspection.WrapSchema(r.schema))
		return
	}
	name, _ := f.ArgumentMap(r.operation.Variables)["name"].(string)
	r.described(s, f, introspection.WrapTypeFromDef(r.schema, r.schema.Types[name]))
}

// described fills a slot with a part of the schema.
func (r *run) described(s *slot, f *graphql.CollectedField, value any) {
	switch v := value.(type) {
	case *introspection.Schema:
		fill(r, s, f, v, schemaField)
	case *introspection.Type:
		if v == nil {
			s.null = true
			return
		}
		fill(r, s, f, v, typeField)
	case *introspection.Field:
		fill(r, s, f, v, fieldField)
	case *introspection.InputValue:
		fill(r, s, f, v, inputField)
	case *introspection.EnumValue:
		fill(r, s, f, v, enumField)
	case *introspection.Directive:
		fill(r, s, f, v, directiveField)
	case []introspection.Type:
		fillAll(r, s, f, v)
	case []introspection.Field:
		fillAll(r, s, f, v)
	case []introspection.InputValue:
		fillAll(r, s, f, v)
	case []introspection.EnumValue:
		fillAll(r, s, f, v)
	case []introspection.Directive:
		fillAll(r, s, f, v)
	default: // a text, a truth, or a list of texts
		s.leaf, _ = json.Marshal(v) // those always encode
	}
}

func fill[T any](r *run, s *slot, f *graphql.CollectedField, value *T, get func(value *T, name string, arguments map[string]any) any) {
	of := r.typeOf(f)
	for _, inner := range r.collect(of, f.Selections) {
		slot := s.field(inner.Alias, inner.Definition.Type.NonNull)
		if inner.Name == "__typename" {
			slot.leaf = quoted(of.Name)
			continue
		}
		r.described(slot, &inner, get(value, inner.Name, inner.ArgumentMap(r.operation.Variables)))
	}
}

func fillAll[T any](r *run, s *slot, f *graphql.CollectedField, values []T) {
	for i, element := range s.list(len(values), true) {
		r.described(element, f, &values[i])
	}
}

func schemaField(s *introspection.Schema, name string, _ map[string]any) any {
	switch name {
	case "description":
		return s.Description()
	case "types":
		return s.Types()
	case "queryType":
		return s.QueryType()
	case "mutationType":
		return s.MutationType()
	case "subscriptionType":
		return s.SubscriptionType()
	}
	return s.Directives()
}

func typeField(t *introspection.Type, name string, arguments map[string]any) any {
	deprecated, _ := arguments["includeDeprecated"].(bool)
	switch name {
	case "kind":
		return t.Kind()
	case "name":
		return t.Name()
	case "description":
		return t.Description()
	case "specifiedByURL":
		return t.SpecifiedByURL()
	case "isOneOf":
		return t.IsOneOf()
	case "ofType":
		return t.OfType()
	}
	return typeList(t, name, deprecated)
}

// typeList is one of the lists of a type, null where its kind has none.
func typeList(t *introspection.Type, name string, deprecated bool) any {
	kind := ast.DefinitionKind(t.Kind())
	switch {
	case name == "fields" && kind == ast.Object:
		return t.Fields(deprecated)
	case name == "interfaces" && kind == ast.Object:
		return t.Interfaces()
	case name == "inputFields" && kind == ast.InputObject:
		return t.VisibleInputFields(deprecated)
	case name == "enumValues" && kind == ast.Enum:
		return t.EnumValues(deprecated)
	case name == "possibleTypes" && kind == ast.Union:
		return t.PossibleTypes()
	}
	return nil
}

func fieldField(f *introspection.Field, name string, arguments map[string]any) any {
	switch name {
	case "name":
		return f.Name
	case "description":
		return f.Description()
	case "args":
		deprecated, _ := arguments["includeDeprecated"].(bool)
		return f.VisibleArgs(deprecated)
	case "type":
		return f.Type
	case "isDeprecated":
		return f.IsDeprecated()
	}
	return f.DeprecationReason()
}

func inputField(f *introspection.InputValue, name string, _ map[string]any) any {
	switch name {
	case "name":
		return f.Name
	case "description":
		return f.Description()
	case "type":
		return f.Type
	case "defaultValue":
		return f.DefaultValue
	case "isDeprecated":
		return f.IsDeprecated()
	}
	return f.DeprecationReason()
}

func enumField(v *introspection.EnumValue, name string, _ map[string]any) any {
	switch name {
	case "name":
		return v.Name
	case "description":
		return v.Description()
	case "isDeprecated":
		return v.IsDeprecated()
	}
	return v.DeprecationReason()
}

func directiveField(d *introspection.Directive, name string, arguments map[string]any) any {
	switch name {
	case "name":
		return d.Name
	case "description":
		return d.Description()
	case "locations":
		return d.Locations
	case "isRepeatable":
		return d.IsRepeatable
	}
	deprecated, _ := arguments["includeDeprecated"].(bool)
	return d.VisibleArgs(deprecated)
}

// panicked is the error of a field whose work panicked.
func panicked(v any) error { return fmt.Errorf("a field panicked: %T", v) }
