// Package avro reads Avro 1.12 schemas: a parser that keeps positions and
// reports every fault, the Parsing Canonical Form with its fingerprints, and
// the default values. It is pure: no I/O, no global state.
package avro

import (
	"encoding/json"
	"strconv"
)

// A Kind is the type of a schema node.
type Kind int

// The kinds of Avro schemas, primitive ones first.
const (
	Null Kind = iota + 1
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Record
	Enum
	Array
	Map
	Union
	Fixed
)

var kindNames = [...]string{
	Null: "null", Boolean: "boolean", Int: "int", Long: "long", Float: "float", Double: "double",
	Bytes: "bytes", String: "string", Record: "record", Enum: "enum", Array: "array", Map: "map",
	Union: "union", Fixed: "fixed",
}

// String returns the kind as it is written in a schema's "type" property; for
// Union, which has no such name, "union".
func (k Kind) String() string {
	if k < Null || k > Fixed {
		return "kind(" + strconv.Itoa(int(k)) + ")"
	}
	return kindNames[k]
}

// A Pos is a place in a schema file. Line and Col count from one; Col counts
// bytes. The zero Pos means that the place is unknown.
type Pos struct {
	File string
	Line int
	Col  int
}

// String returns "file:line:col", the form that editors and terminals link.
func (p Pos) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// A Schema is one node of a parsed schema. Named types are shared: every use
// by name of a record, enum or fixed is the same *Schema, so a recursive schema
// is a cyclic graph. Only a text that defines an equal type again has several.
// A Schema is immutable after Parse and safe for concurrent use.
type Schema struct {
	Kind Kind
	// Name and Namespace are set for records, enums and fixed types.
	Name      string
	Namespace string
	// Aliases are full names.
	Aliases []string
	Doc     string
	// Fields are a record's fields in order.
	Fields []*Field
	// Symbols are an enum's symbols in order; Default is its default symbol,
	// or "".
	Symbols   []string
	SymbolPos []Pos
	// SymbolDocs are read from the property "symbolDocs", an object of texts
	// keyed by symbol; the property itself stays in Props.
	SymbolDocs map[string]string
	Default    string
	// Items is the element schema of an array or map.
	Items *Schema
	// Branches are a union's branches in order.
	Branches []*Schema
	// Size is a fixed type's size in bytes.
	Size int
	// LogicalType is the logical type that applies, or "" (also when the text
	// names one that is unknown or does not fit, which Avro ignores; the text
	// stays in Props).
	LogicalType string
	// Precision and Scale belong to the logical type decimal.
	Precision, Scale int
	// IsError is true for a record declared as "error".
	IsError bool
	// Props holds every other property of the definition, as minified JSON text.
	// A logical type that applies is not repeated here.
	Props map[string]json.RawMessage
	// Pos is where the definition begins; NamePos where its name stands.
	Pos, NamePos Pos
	// PropPos holds where each property's value stands, keyed by property.
	PropPos map[string]Pos
}

// A Field is one field of a record.
type Field struct {
	Name    string
	Doc     string
	Aliases []string
	Type    *Schema
	// HasDefault tells an absent default from a null default.
	HasDefault bool
	// Default is the default value as minified JSON text, checked against Type.
	// A float or double may have "NaN", "Infinity" and "-Infinity".
	Default json.RawMessage
	// Order is "ascending", "descending" or "ignore"; "" means ascending.
	Order string
	// Props holds every other property of the field, as JSON text.
	Props map[string]json.RawMessage
	// Pos is where the field begins, NamePos its name, TypePos its type,
	// DefaultPos its default value.
	Pos, NamePos, TypePos, DefaultPos Pos
	PropPos                           map[string]Pos
}

// FullName returns the namespace and name of a named type, or the name of the
// primitive or complex kind.
func (s *Schema) FullName() string {
	switch {
	case s.Name == "":
		return s.Kind.String()
	case s.Namespace == "":
		return s.Name
	}
	return s.Namespace + "." + s.Name
}
