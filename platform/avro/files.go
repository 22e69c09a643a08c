package avro

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A File is a schema text with the name that its positions carry.
type File struct {
	Name string
	Text []byte
}

// ParseFiles reads schemas that refer to each other's types, in any order, and
// to the types in known, which may be nil. The result has one schema for each
// file, in the order given, nil where the file, or one that it refers to, is
// faulty. Files that refer to each other in a circle are a fault. The error,
// if any, is of type Faults and covers all files: a fault in one of them hides
// nothing in the others.
func ParseFiles(files []File, known *Names) ([]*Schema, error) {
	s := &fileSet{files: files, nodes: make([]*node, len(files)), schemas: make([]*Schema, len(files)),
		definers: map[string]int{}, state: make([]visit, len(files)), names: Names{byName: map[string]*Schema{}}}
	if known != nil {
		maps.Copy(s.names.byName, known.byName)
	}
	for i := range files {
		s.scan(i)
	}
	for i := range files {
		s.parse(i, nil)
	}
	s.faults.sort()
	return s.schemas, s.faults.err()
}

type visit uint8

const (
	unvisited visit = iota
	underway
	visited
)

// A fileSet parses each file after the files that it refers to.
type fileSet struct {
	files    []File
	nodes    []*node // nil where the JSON is broken
	schemas  []*Schema
	definers map[string]int // the first file that defines a name
	names    Names
	state    []visit
	faults   Faults
}

func (s *fileSet) scan(i int) {
	var faults Faults
	s.nodes[i], faults = scanFile(s.files[i].Name, s.files[i].Text)
	s.faults = append(s.faults, faults...)
	survey(s.nodes[i], "", func(_ *node, name, _ string, defines bool) {
		if _, taken := s.definers[name]; defines && !taken {
			s.definers[name] = i
		}
	})
}

// parse reads file i; path holds the files that led to it.
func (s *fileSet) parse(i int, path []int) {
	if s.state[i] != unvisited || s.nodes[i] == nil {
		return
	}
	s.state[i] = underway
	path = append(path, i)
	lines := newLines(s.files[i].Name, s.files[i].Text)
	survey(s.nodes[i], "", func(at *node, name, short string, defines bool) {
		if !defines {
			s.follow(i, lines, at, path, name, short)
		}
	})
	s.state[i] = visited
	p := newParser(lines, &s.names)
	p.elsewhere = func(name string) bool { _, ok := s.definers[name]; return ok }
	schema, _ := p.parse(s.nodes[i])
	s.faults = append(s.faults, p.faults...)
	if len(p.faults) == 0 && !p.incomplete {
		s.schemas[i] = schema
	}
	maps.Copy(s.names.byName, p.defined)
}

// follow parses the file that defines a name which file i uses.
func (s *fileSet) follow(i int, lines lines, at *node, path []int, names ...string) {
	for _, name := range names {
		j, defined := s.definers[name]
		if !defined {
			continue
		}
		if j != i && s.state[j] == underway {
			s.cycle(lines, at, append(path[slices.Index(path, j):], j))
		}
		s.parse(j, path)
		return
	}
}

func (s *fileSet) cycle(lines lines, at *node, path []int) {
	names := make([]string, len(path))
	for k, i := range path {
		names[k] = s.files[i].Name
	}
	s.faults = append(s.faults, Fault{Pos: lines.pos(at.off), Code: CodeCycle, Pointer: at.pointer(),
		Message: fmt.Sprintf("the files refer to each other in a circle: %s", strings.Join(names, " → ")),
		Fix:     "move the types that both need to a file of their own"})
}

// survey calls visit for every name that a text defines or uses: the full name
// and, for a use, the name as it is written.
func survey(n *node, namespace string, visit func(at *node, name, short string, defines bool)) {
	switch {
	case n == nil:
	case n.kind == stringNode:
		surveyUse(n, namespace, visit)
	case n.kind == arrayNode:
		for _, e := range n.elems {
			survey(e, namespace, visit)
		}
	case n.kind == objectNode:
		surveyDefinition(n, namespace, visit)
	}
}

func surveyUse(n *node, namespace string, visit func(*node, string, string, bool)) {
	if _, primitive := primitives[n.text]; !primitive {
		visit(n, qualify(n.text, namespace), n.text, false)
	}
}

func surveyDefinition(n *node, namespace string, visit func(*node, string, string, bool)) {
	typ, ok := n.str("type")
	if !ok {
		return
	}
	switch typ {
	case "array":
		survey(n.get("items"), namespace, visit)
	case "map":
		survey(n.get("values"), namespace, visit)
	case "record", "error", "enum", "fixed":
		surveyNamed(n, namespace, visit)
	default:
		surveyUse(n.get("type"), namespace, visit)
	}
}

func surveyNamed(n *node, namespace string, visit func(*node, string, string, bool)) {
	if ns, ok := n.str("namespace"); ok {
		namespace = ns
	}
	name, _ := n.str("name")
	full := qualify(name, namespace)
	visit(n, full, name, true)
	namespace, _, _ = splitName(full)
	if fields := n.get("fields"); fields != nil && fields.kind == arrayNode {
		for _, f := range fields.elems {
			survey(f.get("type"), namespace, visit)
		}
	}
}
