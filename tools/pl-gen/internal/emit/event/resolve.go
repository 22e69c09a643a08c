package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A goPackage is one emitted package: the events of one version of a context,
// or the shared records of one version.
type goPackage struct {
	dir     string // relative to the repository's root
	context string
	version string // "v1"
	gofile.Package
	units []*unit
	// declared holds every package-level name and where it comes from.
	declared map[string]avro.Pos
	byName   map[string]*named // by Avro full name
}

// A unit is what one contract file becomes: an event with the types that it
// defines, or a shared type with its own.
type unit struct {
	pkg    *goPackage
	event  *model.Event // nil for a shared type
	name   string       // the file's name, in snake case
	source string
	schema *avro.Schema
	root   *named
	// types are the named types and unions that the unit declares, the root
	// first.
	types  []*named
	unions []*union
}

// A named is a record, enum or fixed type as Go declares it.
type named struct {
	unit   *unit
	schema *avro.Schema
	goName string
	fields []*field // of a record
	// recursive tells that the record can contain itself.
	recursive bool
	// sensitive tells that it contains personal data, however deep.
	sensitive bool
	symbols   []string // the constants of an enum
}

// A field is a field of a record as Go declares it.
type field struct {
	avro   *avro.Field
	goName string
	typ    *typ
	pii    string
}

// A union is a union that has a Go type of its own.
type union struct {
	unit     *unit
	goName   string
	place    string // where it is in the contract, for its comment
	branches []*branch
	hasNull  bool
}

// A branch is one branch of a union.
type branch struct {
	index int
	name  string // for accessors: "String", "AboutBadge"
	typ   *typ
}

// A resolver turns a model into packages.
type resolver struct {
	module   string
	packages map[string]*goPackage
	// homes are the units of shared types.
	homes map[*avro.Schema]*unit
	types map[typeKey]*named
	found []diag.Diagnostic
}

type typeKey struct {
	pkg    *goPackage
	schema *avro.Schema
}

// resolve finds the packages of a model with everything that they declare,
// sorted by directory.
func resolve(m *model.Model) ([]*goPackage, []diag.Diagnostic) {
	r := &resolver{
		module:   m.Module,
		packages: make(map[string]*goPackage),
		homes:    make(map[*avro.Schema]*unit),
		types:    make(map[typeKey]*named),
	}
	units := r.units(m)
	for _, u := range units {
		u.root = r.named(u, u.schema)
		r.declareMessage(u)
	}
	packages := make([]*goPackage, 0, len(r.packages))
	for _, p := range r.packages {
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b *goPackage) int { return cmp.Compare(a.dir, b.dir) })
	r.traits()
	diag.Sort(r.found)
	return packages, r.found
}

// units places shared types first, so that events find them.
func (r *resolver) units(m *model.Model) []*unit {
	var list []*unit
	for _, s := range m.Records {
		dir, file := path.Split(s.File)
		version := path.Base(dir)
		u := r.unit(path.Base(path.Dir(path.Clean(dir))), version, strings.TrimSuffix(file, path.Ext(file)), s.File)
		u.schema = s.Schema
		r.homes[s.Schema] = u
		list = append(list, u)
	}
	for _, e := range m.Events {
		u := r.unit(e.Context, fmt.Sprintf("v%d", e.Version), e.Name, e.File)
		u.event, u.schema = e, e.Schema
		list = append(list, u)
	}
	for _, s := range m.Records {
		r.claim(r.homes[s.Schema], s.Schema)
	}
	return list
}

func (r *resolver) unit(context, version, name, source string) *unit {
	dir := path.Join("gen/event", context, version)
	p := r.packages[dir]
	if p == nil {
		p = &goPackage{
			dir: dir, context: context, version: version,
			Package:  gofile.Package{Path: path.Join(r.module, dir), Name: context + version + "event"},
			declared: make(map[string]avro.Pos),
			byName:   make(map[string]*named),
		}
		r.packages[dir] = p
	}
	u := &unit{pkg: p, name: name, source: source}
	p.units = append(p.units, u)
	return u
}

// claim makes a shared type's unit the home of the types defined inside it.
func (r *resolver) claim(u *unit, s *avro.Schema) {
	for _, inner := range children(s) {
		if r.homes[inner] != nil {
			continue
		}
		if inner.Name != "" {
			r.homes[inner] = u
		}
		r.claim(u, inner)
	}
}

func children(s *avro.Schema) []*avro.Schema {
	var list []*avro.Schema
	for _, f := range s.Fields {
		list = append(list, f.Type)
	}
	if s.Items != nil {
		list = append(list, s.Items)
	}
	return append(list, s.Branches...)
}

// named returns the Go type of a named schema that unit u uses, declaring it
// at the first use.
func (r *resolver) named(u *unit, s *avro.Schema) *named {
	if home := r.homes[s]; home != nil {
		u = home
	}
	key := typeKey{u.pkg, s}
	if n := r.types[key]; n != nil {
		return n
	}
	if n := u.pkg.byName[s.FullName()]; n != nil && bytes.Equal(avro.Text(n.schema), avro.Text(s)) {
		r.types[key] = n
		return n
	}
	n := &named{unit: u, schema: s, goName: typeName(s.Name)}
	r.types[key] = n
	u.pkg.byName[s.FullName()] = n
	u.types = append(u.types, n)
	r.declare(u, n.goName, s.NamePos)
	switch s.Kind {
	case avro.Record:
		r.record(n)
	case avro.Enum:
		r.enum(n)
	}
	return n
}

func (r *resolver) record(n *named) {
	taken := make(map[string]*avro.Field)
	for _, f := range n.schema.Fields {
		name := gofile.Exported(f.Name)
		if other := taken[name]; other != nil {
			r.report(f.NamePos, fmt.Sprintf("the fields %s and %s of %s are both %s in Go", other.Name, f.Name, n.schema.Name, name),
				"rename one of them")
		}
		if reserved[name] {
			r.report(f.NamePos, fmt.Sprintf("the field %s of %s has the name of a method in Go, %s", f.Name, n.schema.Name, name),
				"rename the field")
		}
		taken[name] = f
		n.fields = append(n.fields, &field{avro: f, goName: name, pii: pii(f), typ: r.typ(n.unit, f.Type, n.goName+name, n.schema.Name+"."+f.Name)})
	}
}

// reserved are the methods that an event or record may get.
var reserved = map[string]bool{
	"EventType": true, "EventKey": true, "EventSubject": true, "AppendBinary": true, "UnmarshalBinary": true,
	"AppendWire": true, "ReadWire": true, "String": true, "GoString": true, "LogValue": true,
}

func (r *resolver) enum(n *named) {
	for i, symbol := range n.schema.Symbols {
		name := n.goName + gofile.Exported(symbol)
		n.symbols = append(n.symbols, name)
		pos := n.schema.NamePos
		if i < len(n.schema.SymbolPos) {
			pos = n.schema.SymbolPos[i]
		}
		r.declare(n.unit, name, pos)
	}
	if len(n.schema.Symbols) == 0 {
		r.report(n.schema.NamePos, fmt.Sprintf("the enum %s has no symbols, so no value", n.schema.Name), "add a symbol")
	}
}

// declare takes a package-level name, or reports who has it already.
func (r *resolver) declare(u *unit, name string, pos avro.Pos) {
	if other, ok := u.pkg.declared[name]; ok {
		r.report(pos, fmt.Sprintf("%s is declared twice in Go package %s, also for %s", name, u.pkg.Name, other),
			"rename one of them, or share the type in contracts/avro/common")
	}
	u.pkg.declared[name] = pos
}

// declareMessage takes the names that an event gets beside its struct.
func (r *resolver) declareMessage(u *unit) {
	if u.event != nil {
		r.declare(u, u.root.goName+"Topic", u.event.Pos)
		r.declare(u, u.root.goName+"Type", u.event.Pos)
	}
}

func (r *resolver) report(pos avro.Pos, message, fix string) {
	r.found = append(r.found, diag.New(diag.GoName, pos, message).Because(
		"names become exported Go names, in which underscores and the case of letters are lost", fix))
}

// typeName is a type's name in Go: as the contract writes it, where Go allows.
func typeName(name string) string {
	if name[0] >= 'A' && name[0] <= 'Z' && !strings.Contains(name, "_") {
		return name
	}
	return gofile.Exported(name)
}

// pii returns the kind of personal data that a field holds, or "".
func pii(f *avro.Field) string {
	var properties struct {
		PII string `json:"pii"`
	}
	if json.Unmarshal(f.Props["pl"], &properties) != nil {
		return ""
	}
	return properties.PII
}
