package entity

import (
	"fmt"
	"reflect"
	"strings"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/entc/load"
	"entgo.io/ent/schema/field"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// CheckName fails when Ent cannot generate an entity of that name, because it
// clashes with a word of Go or of Ent's own.
func CheckName(name string) error {
	if taken[name] {
		return fmt.Errorf("%s is a type of the generated client", name)
	}
	return gen.ValidSchemaName(name)
}

// taken are types that Ent generates and does not itself protect.
var taken = map[string]bool{
	"Tx": true, "Committer": true, "CommitFunc": true, "CommitHook": true,
	"Rollbacker": true, "RollbackFunc": true, "RollbackHook": true,
	"ValidationError": true, "NotFoundError": true, "NotSingularError": true, "NotLoadedError": true, "ConstraintError": true,
}

// FieldName returns the Go name that Ent gives to a column, for example
// "StudentID" for student_id.
func FieldName(column string) string {
	pascal := gen.Funcs["pascal"].(func(string) string)
	return pascal(column)
}

// PackageName returns the name of an entity's own Ent package, which holds its
// predicates and enums, for example "badge".
func PackageName(entity string) string { return strings.ToLower(entity) }

func schemaOf(e *model.Entity) (*load.Schema, error) {
	s := &load.Schema{
		Name:        e.Name,
		Config:      ent.Config{Table: e.Table},
		Annotations: annotations(e),
	}
	zero := ZeroDefaults(e)
	for i, c := range e.Fields {
		f, err := fieldOf(c)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", c.Name, err)
		}
		f.Position = &load.Position{Index: i}
		if zero[c] {
			setZeroDefault(f)
		}
		s.Fields = append(s.Fields, f)
	}
	for _, set := range e.Unique {
		s.Indexes = append(s.Indexes, &load.Index{Unique: true, Fields: columnNames(set)})
	}
	for _, set := range e.Index {
		s.Indexes = append(s.Indexes, &load.Index{Fields: columnNames(set)})
	}
	return s, nil
}

// ZeroDefaults returns the columns that are proto's zero value when a builder
// does not set them. The others have to be set: what makes a row what it is,
// the key and what is unique, and times, because the zero time is none.
func ZeroDefaults(e *model.Entity) map[*model.Column]bool {
	set := map[*model.Column]bool{}
	for _, c := range e.Fields {
		set[c] = hasZero(c) && !c.PrimaryKey && !c.Unique
	}
	for _, columns := range e.Unique {
		for _, c := range columns {
			set[c] = false
		}
	}
	return set
}

func hasZero(c *model.Column) bool {
	nilable := c.Desc.IsList() || c.Desc.IsMap() || c.Desc.Kind() == protoreflect.BytesKind
	return !c.Optional && !nilable && !IsTimestamp(c.Desc)
}

// setZeroDefault gives a field proto's default: what is not set is zero. Ent
// declares a variable for the default, whose zero value it is; only enums have
// theirs in the generated text.
func setZeroDefault(f *load.Field) {
	f.Default = true
	if f.Info.Type == field.TypeEnum {
		f.DefaultValue = f.Enums[0].V
	}
}

func annotations(e *model.Entity) map[string]any {
	return map[string]any{entsql.Annotation{}.Name(): entsql.Annotation{Table: e.Table}}
}

func columnNames(set []*model.Column) []string {
	names := make([]string, len(set))
	for i, c := range set {
		names[i] = c.Name
	}
	return names
}

func fieldOf(c *model.Column) (*load.Field, error) {
	info, err := typeOf(c)
	if err != nil {
		return nil, err
	}
	nilable := info.Nillable // lists, maps and bytes: nil is their zero
	f := &load.Field{
		Name:      c.Name,
		Info:      info,
		Unique:    c.Unique,
		Optional:  c.Optional || nilable,
		Nillable:  c.Optional && !nilable,
		Immutable: c.Immutable && !c.PrimaryKey,
		Sensitive: c.PII != "",
		Comment:   oneLine(c.Doc),
	}
	if info.Type == field.TypeEnum {
		for _, v := range EnumValues(c.Desc.Enum()) {
			f.Enums = append(f.Enums, struct{ N, V string }{v.Name, v.Stored})
		}
	}
	return f, nil
}

// oneLine joins a doc's lines: Ent puts it on one comment line.
func oneLine(doc string) string { return strings.Join(strings.Fields(doc), " ") }

var scalarTypes = map[protoreflect.Kind]field.Type{
	protoreflect.BoolKind:     field.TypeBool,
	protoreflect.EnumKind:     field.TypeEnum,
	protoreflect.Int32Kind:    field.TypeInt32,
	protoreflect.Sint32Kind:   field.TypeInt32,
	protoreflect.Sfixed32Kind: field.TypeInt32,
	protoreflect.Uint32Kind:   field.TypeUint32,
	protoreflect.Fixed32Kind:  field.TypeUint32,
	protoreflect.Int64Kind:    field.TypeInt64,
	protoreflect.Sint64Kind:   field.TypeInt64,
	protoreflect.Sfixed64Kind: field.TypeInt64,
	protoreflect.FloatKind:    field.TypeFloat32,
	protoreflect.DoubleKind:   field.TypeFloat64,
	protoreflect.StringKind:   field.TypeString,
	protoreflect.BytesKind:    field.TypeBytes,
}

func typeOf(c *model.Column) (*field.TypeInfo, error) {
	d := c.Desc
	switch {
	case d.IsMap():
		return mapType(d)
	case d.IsList():
		return listType(d)
	case IsTimestamp(d):
		return &field.TypeInfo{Type: field.TypeTime}, nil
	}
	t, ok := scalarTypes[d.Kind()]
	if !ok {
		return nil, unstorable(d)
	}
	return &field.TypeInfo{Type: t, Nillable: t == field.TypeBytes}, nil
}

// IsTimestamp reports whether the field is a google.protobuf.Timestamp.
func IsTimestamp(d protoreflect.FieldDescriptor) bool {
	return d.Kind() == protoreflect.MessageKind && d.Message().FullName() == "google.protobuf.Timestamp"
}

func listType(d protoreflect.FieldDescriptor) (*field.TypeInfo, error) {
	elem, err := elementType(d)
	if err != nil {
		return nil, err
	}
	return jsonType("[]"+elem, reflect.Slice), nil
}

func mapType(d protoreflect.FieldDescriptor) (*field.TypeInfo, error) {
	key, err := elementType(d.MapKey())
	if err != nil {
		return nil, err
	}
	value, err := elementType(d.MapValue())
	if err != nil {
		return nil, err
	}
	return jsonType("map["+key+"]"+value, reflect.Map), nil
}

func jsonType(ident string, kind reflect.Kind) *field.TypeInfo {
	return &field.TypeInfo{
		Type: field.TypeJSON, Ident: ident, Nillable: true,
		RType: &field.RType{Ident: ident, Kind: kind},
	}
}

// elementType returns the Go type of a list's or map's elements. Messages and
// enums are no elements: their stored form would change with the generator of
// their Go code.
func elementType(d protoreflect.FieldDescriptor) (string, error) {
	t, ok := scalarTypes[d.Kind()]
	switch {
	case !ok, t == field.TypeEnum:
		return "", unstorable(d)
	case t == field.TypeBytes:
		return "[]byte", nil
	}
	return t.String(), nil
}

func unstorable(d protoreflect.FieldDescriptor) error {
	kind := d.Kind().String()
	switch {
	case d.Message() != nil:
		kind = string(d.Message().FullName())
	case d.Enum() != nil:
		kind = "lists of " + string(d.Enum().FullName())
	}
	return fmt.Errorf("%s has no column; there are scalars but uint64, enums, google.protobuf.Timestamp, and lists and maps of scalars", kind)
}
