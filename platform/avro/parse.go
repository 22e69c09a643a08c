package avro

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Parse reads the schema in text, which file names in positions. References
// may lead to types that the text defines, before or after, and to the types
// in known (which may be nil); those are shared, not copied. It accepts what
// Avro Java 1.12.1's Schema.Parser accepts (UTF name rules, defaults
// validated) up to 4 MiB and 1000 levels of nesting. A non-nil error is of type
// Faults and holds everything that is wrong, not only the first.
func Parse(file string, text []byte, known *Names) (*Schema, error) {
	root, faults := scanFile(file, text)
	if faults != nil {
		return nil, faults
	}
	p := newParser(newLines(file, text), known)
	return p.parse(root)
}

// scanFile reads the JSON of a file; a syntax error is its only fault.
func scanFile(file string, text []byte) (*node, Faults) {
	root, err := scanJSON(text)
	if err == nil {
		return root, nil
	}
	return nil, Faults{{Pos: newLines(file, text).pos(err.off), Code: err.code, Message: err.msg, Fix: err.fix}}
}

// A parser turns the nodes of one text into schemas. Java registers a type
// when its definition is complete and resolves earlier references afterwards,
// by their full name; the parser does the same, because it decides which type
// a short name means.
type parser struct {
	lines    lines
	known    *Names
	defined  map[string]*Schema
	order    []*Schema // the defined types, inner ones first
	forward  map[*Schema]reference
	late     map[slot]bool // the places in schemas where forward references stood
	parents  []*Schema     // the schemas that hold others
	defaults map[*Field]*node
	early    []earlyDefault
	faults   Faults
	// elsewhere, if set, knows the names of types that a faulty file defines: a
	// use of one is no fault, but leaves the schema incomplete.
	elsewhere  func(name string) bool
	incomplete bool
	// suggestions are the names that an unknown one may be meant for.
	suggestions []string
}

// A reference is a use of a name that was not defined at that place.
type reference struct {
	name string
	at   *node
}

// An earlyDefault is a default in front of the definition of its type. Java
// refuses it; when nobody defines the type, that is the fault to report.
type earlyDefault struct {
	field *Field
	value *node
}

func newParser(l lines, known *Names) *parser {
	return &parser{lines: l, known: known, defined: map[string]*Schema{},
		forward: map[*Schema]reference{}, late: map[slot]bool{}, defaults: map[*Field]*node{}}
}

func (p *parser) parse(root *node) (*Schema, error) {
	s := p.schema(root, "")
	s = p.resolve(s)
	if len(p.faults) == 0 && !p.incomplete {
		p.recheckDefaults(s)
	}
	p.faults.sort()
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return s, nil
}

func (p *parser) fault(n *node, code, fix, format string, args ...any) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, Fault{Pos: p.pos(n), Code: code, Pointer: n.pointer(),
			Message: fmt.Sprintf(format, args...), Fix: fix})
	}
}

func (p *parser) pos(n *node) Pos { return p.lines.pos(n.off) }

// schema reads any schema. It never returns nil: after a fault it returns a
// node of no kind, which is not looked into.
func (p *parser) schema(n *node, namespace string) *Schema {
	switch n.kind {
	case stringNode:
		return p.reference(n, n.text, namespace)
	case arrayNode:
		return p.union(n, namespace)
	case objectNode:
		return p.definition(n, namespace)
	}
	p.fault(n, CodeBadProperty, "write a type name, an object or an array of types", "a schema cannot be %s", n.kind)
	return &Schema{Pos: p.pos(n)}
}

func (p *parser) definition(n *node, namespace string) *Schema {
	typ, ok := n.str("type")
	if !ok {
		p.noType(n)
		return &Schema{Pos: p.pos(n)}
	}
	switch typ {
	case "record", "error":
		return p.record(n, namespace)
	case "enum":
		return p.enum(n, namespace)
	case "fixed":
		return p.fixed(n, namespace)
	case "array":
		return p.collection(n, namespace, Array, "items")
	case "map":
		return p.collection(n, namespace, Map, "values")
	}
	if kind, ok := primitives[typ]; ok {
		s := &Schema{Kind: kind, Pos: p.pos(n)}
		p.properties(n, s, nil)
		return s
	}
	return p.reference(n.get("type"), typ, namespace)
}

func (p *parser) noType(n *node) {
	v := n.get("type")
	if v == nil {
		p.fault(n, CodeBadProperty, `add "type"`, `the schema has no "type"`)
		return
	}
	p.fault(v, CodeBadProperty, "put that schema where the object around it stands",
		`the "type" of a schema must be a name, not %s`, v.kind)
}

// reference returns the type that a name means at this place.
func (p *parser) reference(n *node, name, namespace string) *Schema {
	if kind, ok := primitives[name]; ok {
		return &Schema{Kind: kind, Pos: p.pos(n)}
	}
	full := name
	if namespace != "" && !strings.Contains(name, ".") {
		full = namespace + "." + name
	}
	if s := cmp.Or(p.lookup(full), p.lookup(name)); s != nil {
		return s
	}
	s := &Schema{Pos: p.pos(n)}
	p.forward[s] = reference{name: full, at: n}
	return s
}

func (p *parser) lookup(full string) *Schema {
	if s := p.known.Lookup(full); s != nil {
		return s
	}
	return p.defined[full]
}

func (p *parser) union(n *node, namespace string) *Schema {
	s := &Schema{Kind: Union, Pos: p.pos(n)}
	for _, e := range n.elems {
		b := p.schema(e, namespace)
		if b.Kind == Union {
			p.fault(e, CodeBadUnion, "list its branches in the outer union", "a union cannot hold a union")
		}
		s.Branches = append(s.Branches, b)
	}
	p.parents = append(p.parents, s)
	p.checkBranches(n, s)
	return s
}

// checkBranches refuses two branches of one type. References that are still
// open are checked when they are resolved.
func (p *parser) checkBranches(n *node, s *Schema) {
	seen := map[string]bool{}
	for i, b := range s.Branches {
		name := p.branchName(b)
		if name != "" && seen[name] {
			p.fault(n.elems[i], CodeBadUnion, "keep one of them; logical types do not tell branches apart",
				"the union holds %s twice", name)
		}
		seen[name] = true
	}
}

func (p *parser) branchName(b *Schema) string {
	if ref, open := p.forward[b]; open {
		return ref.name
	}
	if b.Kind == 0 {
		return ""
	}
	return b.FullName()
}

func (p *parser) collection(n *node, namespace string, kind Kind, property string) *Schema {
	s := &Schema{Kind: kind, Pos: p.pos(n)}
	p.properties(n, s, nil)
	items := n.get(property)
	if items == nil {
		p.fault(n, CodeBadProperty, fmt.Sprintf("add %q", property), "the %s has no %q", kind, property)
		s.Items = &Schema{Pos: s.Pos}
		return s
	}
	s.Items = p.schema(items, namespace)
	p.parents = append(p.parents, s)
	return s
}

// resolve replaces the references that were open by the types that they mean
// and reports those that mean nothing. It returns what s has become.
func (p *parser) resolve(s *Schema) *Schema {
	inOrder := func(a, b reference) int { return cmp.Compare(a.at.off, b.at.off) }
	for _, ref := range slices.SortedFunc(maps.Values(p.forward), inOrder) {
		switch {
		case p.lookup(ref.name) != nil:
		case p.elsewhere != nil && (p.elsewhere(ref.name) || p.elsewhere(ref.at.text)):
			p.incomplete = true
		default:
			p.unknown(ref)
		}
	}
	for _, d := range p.early {
		if p.lookup(p.forward[d.field.Type].name) != nil {
			p.badDefault(d.field, d.value, false)
		}
	}
	for _, s := range p.parents {
		p.resolveInside(s)
	}
	return p.target(s)
}

func (p *parser) resolveInside(s *Schema) {
	if s.Items != nil {
		p.replace(s, 0, &s.Items)
	}
	for i := range s.Branches {
		p.replace(s, i, &s.Branches[i])
	}
	for i, f := range s.Fields {
		p.replace(s, i, &f.Type)
	}
}

// replace puts the type that an open reference means in its place.
func (p *parser) replace(s *Schema, index int, at **Schema) {
	if _, open := p.forward[*at]; open {
		p.late[slot{s, index}] = true
		*at = p.target(*at)
	}
}

func (p *parser) target(s *Schema) *Schema {
	if ref, open := p.forward[s]; open {
		return cmp.Or(p.lookup(ref.name), s)
	}
	return s
}

// rawProps returns the properties of an object that Avro does not reserve.
func rawProps(n *node, reserved map[string]bool) map[string]json.RawMessage {
	var props map[string]json.RawMessage
	for i, k := range n.keys {
		if reserved[k.name] || n.get(k.name) != n.elems[i] {
			continue
		}
		if props == nil {
			props = map[string]json.RawMessage{}
		}
		props[k.name] = n.elems[i].appendJSON(nil)
	}
	return props
}

func (p *parser) propPos(n *node) map[string]Pos {
	at := make(map[string]Pos, len(n.keys))
	for i, k := range n.keys {
		at[k.name] = p.pos(n.elems[i])
	}
	return at
}

// properties reads what any definition may have: other properties and a
// logical type.
func (p *parser) properties(n *node, s *Schema, alsoReserved map[string]bool) {
	reserved := schemaReserved
	if alsoReserved != nil {
		reserved = alsoReserved
	}
	s.Props = rawProps(n, reserved)
	s.PropPos = p.propPos(n)
	applyLogicalType(n, s)
}
