package compat_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// A typ is a schema that can still be changed. Named types are shared, so
// evolving one changes every use of it.
type typ struct {
	kind     string // a primitive, or record, enum, fixed, array, map, union
	name, ns string
	aliases  []string
	fields   []*member
	symbols  []string
	symbol   string // the default symbol
	size     int
	items    *typ
	branches []*typ
	late     bool // refer to it before defining it, where that can be
	again    bool // define it at every use, where that can be
}

type member struct {
	name       string
	aliases    []string
	typ        *typ
	hasDefault bool
}

var (
	primitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	namespaces = []string{"", "a", "b.c"}
	fieldNames = []string{"f", "g", "h", "i", "j"}
	typeNames  = []string{"R", "S", "T", "U"}
	symbolPool = []string{"A", "B", "C", "D", "a"}
)

// A maker draws schemas and changes of them.
type maker struct {
	t     *rapid.T
	named []*typ
}

func (m *maker) n(n int) int             { return rapid.IntRange(0, n-1).Draw(m.t, "n") }
func (m *maker) one(in int) bool         { return m.n(in) == 0 }
func (m *maker) of(list []string) string { return list[m.n(len(list))] }

func (m *maker) typ(depth int) *typ {
	if depth <= 0 || m.one(3) {
		if len(m.named) > 0 && m.one(2) {
			return m.named[m.n(len(m.named))]
		}
		return &typ{kind: m.of(primitives)}
	}
	switch m.n(8) {
	case 0:
		return &typ{kind: "array", items: m.typ(depth - 1)}
	case 1:
		return &typ{kind: "map", items: m.typ(depth - 1)}
	case 2, 3:
		return m.union(depth)
	case 4:
		return m.enum()
	case 5:
		return m.define(&typ{kind: "fixed", size: 1 + m.n(3)})
	}
	return m.record(depth)
}

// define gives a type a name. Within one schema names differ.
func (m *maker) define(s *typ) *typ {
	s.name, s.ns = m.of(typeNames), m.of(namespaces)
	for slices.ContainsFunc(m.named, func(o *typ) bool { return o.full() == s.full() }) {
		s.name += "x"
	}
	s.late, s.again = m.one(6), m.one(8)
	m.named = append(m.named, s)
	return s
}

func (s *typ) full() string {
	if s.ns == "" {
		return s.name
	}
	return s.ns + "." + s.name
}

func (m *maker) enum() *typ {
	s := m.define(&typ{kind: "enum", symbols: m.some(symbolPool)})
	m.enumDefault(s)
	return s
}

func (m *maker) enumDefault(s *typ) {
	s.symbol = ""
	if m.one(3) {
		s.symbol = m.of(s.symbols)
	}
}

func (m *maker) some(of []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID[string]).Draw(m.t, "some")
}

func (m *maker) record(depth int) *typ {
	s := m.define(&typ{kind: "record"})
	for range m.n(4) {
		s.fields = append(s.fields, m.field(s, depth-1))
	}
	return s
}

func (m *maker) field(s *typ, depth int) *member {
	f := &member{name: m.of(fieldNames), typ: m.typ(depth), hasDefault: m.one(3)}
	for slices.ContainsFunc(s.fields, func(o *member) bool { return o.name == f.name }) {
		f.name += "x"
	}
	return f
}

func (m *maker) union(depth int) *typ {
	s := &typ{kind: "union"}
	for range 1 + m.n(3) {
		m.branch(s, m.typ(depth-1))
	}
	return s
}

// branch adds a branch where the union may have it.
func (m *maker) branch(s, b *typ) {
	twice := slices.ContainsFunc(s.branches, func(o *typ) bool { return o.kind == b.kind && o.full() == b.full() })
	if b.kind != "union" && !twice {
		s.branches = slices.Insert(s.branches, m.n(len(s.branches)+1), b)
	}
}

// clone copies a schema, and which named types are the same.
func (s *typ) clone(copies map[*typ]*typ) *typ {
	if s == nil || copies[s] != nil {
		return copies[s]
	}
	c := *s
	copies[s] = &c
	c.items = s.items.clone(copies)
	c.aliases, c.symbols = slices.Clone(s.aliases), slices.Clone(s.symbols)
	c.branches, c.fields = nil, nil
	for _, b := range s.branches {
		c.branches = append(c.branches, b.clone(copies))
	}
	for _, f := range s.fields {
		g := *f
		g.typ, g.aliases = f.typ.clone(copies), slices.Clone(f.aliases)
		c.fields = append(c.fields, &g)
	}
	return &c
}

// evolved returns a changed copy of a schema.
func (m *maker) evolved(s *typ) *typ {
	copies := map[*typ]*typ{}
	root := s.clone(copies)
	m.named = nil
	all := nodes(root, nil)
	for _, s := range all {
		if s.name != "" {
			m.named = append(m.named, s)
		}
	}
	for range 1 + m.n(3) {
		m.change(all[m.n(len(all))])
	}
	if m.one(8) {
		root = m.wrapped(root)
	}
	return root
}

// nodes returns every node of a schema once.
func nodes(s *typ, seen []*typ) []*typ {
	if s == nil || slices.Contains(seen, s) {
		return seen
	}
	seen = append(seen, s)
	seen = nodes(s.items, seen)
	for _, b := range s.branches {
		seen = nodes(b, seen)
	}
	for _, f := range s.fields {
		seen = nodes(f.typ, seen)
	}
	return seen
}

func (m *maker) change(s *typ) {
	if s.name != "" && m.one(3) {
		m.rename(s)
		return
	}
	switch s.kind {
	case "record":
		m.changeRecord(s)
	case "enum":
		s.symbols = m.some(symbolPool)
		m.enumDefault(s)
	case "fixed":
		s.size = 1 + m.n(3)
	case "array", "map":
		s.items = m.changed(s.items)
	case "union":
		m.changeUnion(s)
	default:
		s.kind = m.of(primitives)
	}
}

// changed returns another type for a place.
func (m *maker) changed(s *typ) *typ {
	switch m.n(4) {
	case 0:
		return m.typ(2)
	case 1:
		return m.wrapped(s)
	case 2:
		if len(s.branches) > 0 {
			return s.branches[m.n(len(s.branches))]
		}
	}
	return &typ{kind: m.of(primitives)}
}

func (m *maker) wrapped(s *typ) *typ {
	u := &typ{kind: "union"}
	m.branch(u, s)
	m.branch(u, &typ{kind: m.of(primitives)})
	return u
}

func (m *maker) rename(s *typ) {
	before := s.full()
	if m.one(2) {
		s.name = m.of(typeNames)
	} else {
		s.ns = m.of(namespaces)
	}
	if m.one(2) {
		s.aliases = append(s.aliases, before)
	}
}

func (m *maker) changeUnion(s *typ) {
	switch m.n(3) {
	case 0:
		m.branch(s, m.typ(2))
	case 1:
		s.branches = rapid.Permutation(s.branches).Draw(m.t, "branches")
	case 2:
		if len(s.branches) > 1 {
			s.branches = s.branches[1:]
		}
	}
}

func (m *maker) changeRecord(s *typ) {
	if len(s.fields) == 0 || m.one(4) {
		s.fields = append(s.fields, m.field(s, 2))
		return
	}
	i := m.n(len(s.fields))
	f := s.fields[i]
	switch m.n(7) {
	case 0:
		s.fields = slices.Delete(s.fields, i, i+1)
	case 1:
		s.fields = rapid.Permutation(s.fields).Draw(m.t, "fields")
	case 2:
		f.hasDefault = !f.hasDefault
	case 3:
		f.name = m.of(fieldNames)
	case 4:
		f.aliases = append(f.aliases, f.name)
		f.name = m.of(fieldNames) + fmt.Sprint(m.n(2))
	case 5:
		f.aliases = append(f.aliases, m.of(fieldNames))
	case 6:
		f.typ = m.changed(f.typ)
	}
}

// drawSchema draws any schema, most often a record.
func drawSchema(t *rapid.T) *typ {
	m := &maker{t: t}
	if m.one(4) {
		return m.typ(4)
	}
	return m.record(4)
}

// A history is a schema and what became of it, each a change of the one
// before, as texts.
func drawHistory(t *rapid.T, versions int) []string {
	var texts []string
	s := drawSchema(t)
	for range versions {
		text, ok := s.text()
		if !ok {
			t.Skip("the change leads to no schema")
		}
		texts = append(texts, text)
		s = (&maker{t: t}).evolved(s)
	}
	return texts
}
