package event

import (
	"fmt"
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// A form is a way in which Go represents an Avro type.
type form int

const (
	formNull form = iota
	formBool
	formInt
	formLong
	formFloat
	formDouble
	formBytes
	formString
	formUUID
	formDate
	formTimeOfDay
	formTimestamp
	formLocalTimestamp
	formDecimal
	formDecimalFixed
	formFixed
	formDuration
	formRecord
	formEnum
	formArray
	formMap
	formOptional // a union of null and one other type
	formSingle   // a union of one type
	formUnion
)

// A typ is an Avro type at one place of a contract, as Go represents it.
type typ struct {
	form   form
	schema *avro.Schema
	named  *named // formRecord, formEnum, formFixed, formDuration
	elem   *typ   // formArray, formMap, formOptional, formSingle
	union  *union // formUnion
	null   int    // formOptional: which branch is null
	unit   string // of times: "Millis", "Micros", "Nanos"
}

var primitives = map[avro.Kind]form{
	avro.Null: formNull, avro.Boolean: formBool, avro.Int: formInt, avro.Long: formLong, avro.Float: formFloat,
	avro.Double: formDouble, avro.Bytes: formBytes, avro.String: formString,
}

// A logical names a logical type on the type that carries it.
type logical struct {
	name string
	kind avro.Kind
}

type timeForm struct {
	form form
	unit string
}

var logicals = map[logical]timeForm{
	{"uuid", avro.String}:                 {form: formUUID},
	{"date", avro.Int}:                    {form: formDate},
	{"time-millis", avro.Int}:             {formTimeOfDay, "Millis"},
	{"time-micros", avro.Long}:            {formTimeOfDay, "Micros"},
	{"timestamp-millis", avro.Long}:       {formTimestamp, "Millis"},
	{"timestamp-micros", avro.Long}:       {formTimestamp, "Micros"},
	{"timestamp-nanos", avro.Long}:        {formTimestamp, "Nanos"},
	{"local-timestamp-millis", avro.Long}: {formLocalTimestamp, "Millis"},
	{"local-timestamp-micros", avro.Long}: {formLocalTimestamp, "Micros"},
	{"local-timestamp-nanos", avro.Long}:  {formLocalTimestamp, "Nanos"},
	{"decimal", avro.Bytes}:               {form: formDecimal},
	{"decimal", avro.Fixed}:               {form: formDecimalFixed},
}

// typ returns how Go represents a schema in unit u. A union without a name in
// the contract is named after its place.
func (r *resolver) typ(u *unit, s *avro.Schema, name, place string) *typ {
	if t, ok := logicals[logical{s.LogicalType, s.Kind}]; ok {
		return &typ{form: t.form, unit: t.unit, schema: s}
	}
	switch s.Kind {
	case avro.Record:
		return &typ{form: formRecord, schema: s, named: r.named(u, s)}
	case avro.Enum:
		return &typ{form: formEnum, schema: s, named: r.named(u, s)}
	case avro.Fixed:
		return &typ{form: fixedForm(s), schema: s, named: r.named(u, s)}
	case avro.Array:
		return &typ{form: formArray, schema: s, elem: r.typ(u, s.Items, name+"Item", place+" item")}
	case avro.Map:
		return &typ{form: formMap, schema: s, elem: r.typ(u, s.Items, name+"Value", place+" value")}
	case avro.Union:
		return r.unionTyp(u, s, name, place)
	}
	return &typ{form: primitives[s.Kind], schema: s}
}

func fixedForm(s *avro.Schema) form {
	if s.LogicalType == "duration" {
		return formDuration
	}
	return formFixed
}

func (r *resolver) unionTyp(u *unit, s *avro.Schema, name, place string) *typ {
	null := slices.IndexFunc(s.Branches, func(b *avro.Schema) bool { return b.Kind == avro.Null })
	switch {
	case len(s.Branches) == 0:
		r.report(s.Pos, fmt.Sprintf("the union %s has no branches, so no value", place), "list its branches")
		return &typ{form: formNull, schema: s}
	case len(s.Branches) == 1:
		return &typ{form: formSingle, schema: s, elem: r.typ(u, s.Branches[0], name, place)}
	case len(s.Branches) == 2 && null >= 0:
		return &typ{form: formOptional, schema: s, null: null, elem: r.typ(u, s.Branches[1-null], name, place)}
	}
	return &typ{form: formUnion, schema: s, union: r.union(u, s, name, place)}
}

func (r *resolver) union(u *unit, s *avro.Schema, name, place string) *union {
	n := &union{unit: u, goName: name, place: place}
	u.unions = append(u.unions, n)
	r.declare(u, name, s.Pos)
	taken := map[string]bool{"Null": true}
	for i, b := range s.Branches {
		if b.Kind == avro.Null {
			n.hasNull = true
			continue
		}
		if taken[branchName(b)] {
			r.report(s.Pos, fmt.Sprintf("two branches of the union %s are named %s in Go", place, branchName(b)), "rename the type of one branch")
			continue
		}
		taken[branchName(b)] = true
		n.branches = append(n.branches, &branch{index: i, name: branchName(b), typ: r.typ(u, b, name+branchName(b), place)})
		r.declare(u, name+"Of"+branchName(b), s.Pos)
	}
	return n
}

// branchName is a branch's name in accessors: its type's name, or its kind's.
func branchName(s *avro.Schema) string {
	if s.Name != "" {
		return typeName(s.Name)
	}
	return gofile.Exported(s.Kind.String())
}

// nilable reports whether a Go value of the form has a nil of its own, which
// stands for null without a pointer.
func (t *typ) nilable() bool {
	switch t.form {
	case formBytes, formArray, formMap, formDecimal, formDecimalFixed:
		return true
	}
	return false
}

// pointer reports whether an optional is a pointer.
func (t *typ) pointer() bool { return t.form == formOptional && !t.elem.nilable() }

const runtimeModule = "github.com/pulselearn/campus-hub/platform/"

var (
	wirePackage  = gofile.PackageAt(runtimeModule + "avro/wire")
	eventPackage = gofile.PackageAt(runtimeModule + "event")
)

// goType returns the Go type in the text of file f.
func goType(f *gofile.File, t *typ) string {
	switch t.form {
	case formNull:
		return "struct{}"
	case formDate, formTimestamp, formLocalTimestamp:
		return f.Ident("time", "Time")
	case formTimeOfDay:
		return f.Ident("time", "Duration")
	case formDecimal, formDecimalFixed:
		return "*" + f.Ident("math/big", "Rat")
	case formRecord, formEnum, formFixed, formDuration:
		return f.Qualify(t.named.unit.pkg.Ident(t.named.goName))
	case formArray:
		return "[]" + goType(f, t.elem)
	case formMap:
		return "map[string]" + goType(f, t.elem)
	case formSingle:
		return goType(f, t.elem)
	case formUnion:
		return t.union.goName
	case formOptional:
		if t.pointer() {
			return "*" + goType(f, t.elem)
		}
		return goType(f, t.elem)
	}
	return basicTypes[t.form]
}

var basicTypes = map[form]string{
	formBool: "bool", formInt: "int32", formLong: "int64", formFloat: "float32", formDouble: "float64",
	formBytes: "[]byte", formString: "string", formUUID: "string",
}
