package avro

import (
	"math"
	"strconv"
	"strings"
)

// The properties that belong to Avro itself (Java's SCHEMA_RESERVED,
// ENUM_RESERVED and FIELD_RESERVED); every other one is kept in Props.
var (
	schemaReserved = set("doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases")
	enumReserved   = set("doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases", "default")
	fieldReserved  = set("default", "doc", "name", "order", "type", "aliases")
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// named starts a record, enum or fixed: its name, namespace, doc and aliases.
func (p *parser) named(n *node, kind Kind, namespace string) *Schema {
	s := &Schema{Kind: kind, Pos: p.pos(n), NamePos: p.pos(n)}
	if ns, ok := n.str("namespace"); ok {
		namespace = ns
	}
	s.Doc, _ = n.str("doc")
	v := n.get("name")
	if v == nil {
		p.fault(n, CodeBadProperty, `add "name"`, "the %s has no name", kind)
		return s
	}
	s.NamePos = p.pos(v)
	if v.kind != stringNode {
		p.fault(v, CodeBadProperty, "write the name as a string", "the name of the %s must be a string, not %s", kind, v.kind)
		return s
	}
	p.setName(n, v, s, namespace)
	return s
}

func (p *parser) setName(n, v *node, s *Schema, namespace string) {
	if ns, simple, qualified := splitName(v.text); qualified {
		s.Namespace, s.Name = ns, simple
	} else {
		s.Namespace, s.Name = namespace, v.text
	}
	if _, primitive := primitives[s.Name]; primitive && s.Namespace == "" {
		p.fault(v, CodeBadName, "choose another name or add a namespace", "%q is the name of a primitive type", s.Name)
		return
	}
	p.checkName(v, s.Name)
	switch ns := n.get("namespace"); {
	case strings.Contains(v.text, "."):
		p.checkNamespace(v, s.Namespace)
	case ns != nil && ns.kind == stringNode:
		p.checkNamespace(ns, s.Namespace)
	}
}

// checkNamespace checks a namespace where it is written; a type that inherits
// it does not repeat the fault.
func (p *parser) checkNamespace(n *node, namespace string) {
	if namespace == "" {
		return
	}
	for _, part := range strings.Split(namespace, ".") {
		p.checkName(n, part)
	}
}

func (p *parser) checkName(n *node, part string) {
	if !isName(part) {
		p.badName(n, part)
	}
}

func (p *parser) badName(n *node, part string) {
	p.fault(n, CodeBadName, "use letters, digits and underscores, and begin with a letter or underscore",
		"%q is not a valid name", part)
}

// define registers a type whose definition is complete. As in Java, defining
// an equal type again is no fault; the definition stands for itself, because
// aliases are no part of equality, and names mean the first one.
func (p *parser) define(s *Schema, n *node) *Schema {
	if s.Name == "" {
		return s
	}
	full := s.FullName()
	first := p.lookup(full)
	if first == nil {
		p.defined[full] = s
		p.order = append(p.order, s)
		return s
	}
	if !p.same(first, s) {
		at := n
		if v := n.get("name"); v != nil {
			at = v
		}
		p.fault(at, CodeDuplicateName, "rename one of them, or refer to the first by its name",
			"the type %q is already defined at %s", full, first.NamePos)
	}
	return s
}

// aliasNodes returns the aliases of a definition, each one once.
func (p *parser) aliasNodes(n *node) []*node {
	v := n.get("aliases")
	if v == nil {
		return nil
	}
	if v.kind != arrayNode {
		p.fault(v, CodeBadProperty, "write an array of names", `"aliases" must be an array, not %s`, v.kind)
		return nil
	}
	var aliases []*node
	seen := map[string]bool{}
	for _, e := range v.elems {
		if e.kind != stringNode {
			p.fault(e, CodeBadProperty, "write the alias as a string", "an alias must be a string, not %s", e.kind)
		} else if !seen[e.text] {
			seen[e.text] = true
			aliases = append(aliases, e)
		}
	}
	return aliases
}

// fieldAliases reads the aliases of a field, which Java does not check.
func (p *parser) fieldAliases(n *node) []string {
	var aliases []string
	for _, a := range p.aliasNodes(n) {
		aliases = append(aliases, a.text)
	}
	return aliases
}

// typeAliases reads the aliases of a named type as full names.
func (p *parser) typeAliases(n *node, namespace string) []string {
	var aliases []string
	for _, a := range p.aliasNodes(n) {
		_, simple, _ := splitName(a.text)
		p.checkName(a, simple)
		aliases = append(aliases, qualify(a.text, namespace))
	}
	return aliases
}

func (p *parser) record(n *node, namespace string) *Schema {
	s := p.named(n, Record, namespace)
	typ, _ := n.str("type")
	s.IsError = typ == "error"
	fields := n.get("fields")
	switch {
	case fields == nil:
		p.fault(n, CodeBadProperty, `add "fields"`, `the record %q has no "fields"`, s.Name)
	case fields.kind != arrayNode:
		p.fault(fields, CodeBadProperty, "write an array of fields", `"fields" must be an array, not %s`, fields.kind)
	default:
		p.fields(fields, s)
	}
	s.Aliases = p.typeAliases(n, s.Namespace)
	p.properties(n, s, nil)
	p.parents = append(p.parents, s)
	return p.define(s, n)
}

func (p *parser) fields(n *node, s *Schema) {
	first := make(map[string]*Field, len(n.elems))
	for _, e := range n.elems {
		f := p.field(e, s.Namespace)
		if f == nil {
			continue
		}
		if other := first[f.Name]; other != nil {
			p.fault(e.get("name"), CodeDuplicateField, "rename one of them",
				"the record %q already has a field %q, at %s", s.Name, f.Name, other.NamePos)
		}
		first[f.Name] = f
		s.Fields = append(s.Fields, f)
	}
}

// field reads a field; nil means that it has no usable name.
func (p *parser) field(n *node, namespace string) *Field {
	if n.kind != objectNode {
		p.fault(n, CodeBadProperty, `write {"name": …, "type": …}`, "a field must be an object, not %s", n.kind)
		return nil
	}
	f := &Field{Pos: p.pos(n), PropPos: p.propPos(n), Props: rawProps(n, fieldReserved)}
	f.Doc, _ = n.str("doc")
	f.Aliases = p.fieldAliases(n)
	p.sortOrder(n, f)
	p.fieldType(n, f, namespace)
	v := n.get("name")
	switch {
	case v == nil:
		p.fault(n, CodeBadProperty, `add "name"`, "the field has no name")
		return nil
	case v.kind != stringNode:
		p.fault(v, CodeBadProperty, "write the name as a string", "the name of a field must be a string, not %s", v.kind)
		return nil
	case !isName(v.text):
		p.badName(v, v.text)
	}
	f.Name, f.NamePos = v.text, p.pos(v)
	return f
}

func (p *parser) sortOrder(n *node, f *Field) {
	v := n.get("order")
	if v == nil {
		return
	}
	switch order := strings.ToLower(v.text); order {
	case "ascending", "descending", "ignore":
		f.Order = order
	default:
		p.fault(v, CodeBadProperty, `write "ascending", "descending" or "ignore"`, `the "order" of the field is unknown`)
	}
}

func (p *parser) fieldType(n *node, f *Field, namespace string) {
	f.Type, f.TypePos = &Schema{Pos: f.Pos}, f.Pos
	t := n.get("type")
	if t == nil {
		p.fault(n, CodeBadProperty, `add "type"`, "the field has no type")
	} else {
		f.Type, f.TypePos = p.schema(t, namespace), p.pos(t)
	}
	d := n.get("default")
	if d == nil {
		return
	}
	f.HasDefault, f.Default, f.DefaultPos = true, defaultText(f.Type, d), p.pos(d)
	p.defaults[f] = d
	p.checkDefault(f, d)
}

func (p *parser) enum(n *node, namespace string) *Schema {
	s := p.named(n, Enum, namespace)
	symbols := n.get("symbols")
	switch {
	case symbols == nil:
		p.fault(n, CodeBadProperty, `add "symbols"`, `the enum %q has no "symbols"`, s.Name)
	case symbols.kind != arrayNode:
		p.fault(symbols, CodeBadProperty, "write an array of symbols", `"symbols" must be an array, not %s`, symbols.kind)
	default:
		p.symbols(symbols, s)
		p.enumDefault(n, s)
	}
	s.Aliases = p.typeAliases(n, s.Namespace)
	s.SymbolDocs = symbolDocs(n)
	p.properties(n, s, enumReserved)
	return p.define(s, n)
}

func (p *parser) symbols(n *node, s *Schema) {
	seen := make(map[string]bool, len(n.elems))
	for _, e := range n.elems {
		switch {
		case e.kind != stringNode:
			p.fault(e, CodeBadSymbol, "write the symbol as a string", "a symbol must be a string, not %s", e.kind)
		case !isName(e.text):
			p.fault(e, CodeBadSymbol, "use letters, digits and underscores, and begin with a letter or underscore",
				"%q is not a valid symbol", e.text)
		case seen[e.text]:
			p.fault(e, CodeBadSymbol, "keep one of them", "the symbol %q is listed twice", e.text)
		}
		seen[e.text] = true
		s.Symbols = append(s.Symbols, e.text)
		s.SymbolPos = append(s.SymbolPos, p.pos(e))
	}
}

// enumDefault reads the default symbol; like Java it passes over a default
// that is not a string.
func (p *parser) enumDefault(n *node, s *Schema) {
	text, ok := n.str("default")
	if !ok {
		return
	}
	for _, symbol := range s.Symbols {
		if symbol == text {
			s.Default = text
			return
		}
	}
	p.fault(n.get("default"), CodeBadSymbol, "choose one of the symbols", "the default %q is not a symbol of the enum", text)
}

func symbolDocs(n *node) map[string]string {
	v := n.get("symbolDocs")
	if v == nil || v.kind != objectNode {
		return nil
	}
	docs := make(map[string]string, len(v.keys))
	for i, k := range v.keys {
		if v.elems[i].kind == stringNode {
			docs[k.name] = v.elems[i].text
		}
	}
	return docs
}

func (p *parser) fixed(n *node, namespace string) *Schema {
	s := p.named(n, Fixed, namespace)
	size := n.get("size")
	if size == nil {
		p.fault(n, CodeBadProperty, `add "size"`, "the fixed type %q has no size", s.Name)
	} else {
		p.size(size, s)
	}
	s.Aliases = p.typeAliases(n, s.Namespace)
	p.properties(n, s, nil)
	return p.define(s, n)
}

// maxFixed is the longest array that a Java virtual machine allocates.
const maxFixed = math.MaxInt32 - 8

func (p *parser) size(n *node, s *Schema) {
	size, err := strconv.ParseInt(n.raw, 10, 32)
	if n.kind != numberNode || err != nil || size < 0 || size > maxFixed {
		p.fault(n, CodeBadProperty, "write a whole number of bytes, from 0 to 2147483639", "the size of the fixed type is invalid")
		return
	}
	s.Size = int(size)
}
