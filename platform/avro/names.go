package avro

import (
	"strings"
	"unicode"
)

// Names is a set of named types that other texts may refer to. The zero Names
// is empty; a nil one can be read. It is not safe for concurrent change.
type Names struct {
	byName map[string]*Schema
}

// Add puts every named type of the schemas, also those inside others, into
// the set. A name that is known already keeps its first type.
func (n *Names) Add(schemas ...*Schema) {
	if n.byName == nil {
		n.byName = make(map[string]*Schema)
	}
	for _, s := range schemas {
		walk(s, func(t *Schema) {
			if _, known := n.byName[t.FullName()]; t.Name != "" && !known {
				n.byName[t.FullName()] = t
			}
		})
	}
}

// Lookup returns the type with a full name, or nil.
func (n *Names) Lookup(fullName string) *Schema {
	if n == nil {
		return nil
	}
	return n.byName[fullName]
}

// walk visits a schema and everything in it once, without recursion. Of named
// types it visits each one once, however often it is used.
func walk(root *Schema, visit func(*Schema)) {
	seen := map[*Schema]bool{}
	stack := []*Schema{root}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if s == nil || seen[s] {
			continue
		}
		seen[s] = true
		visit(s)
		stack = appendChildren(stack, s)
	}
}

// appendChildren appends the schemas directly inside s, the last one first.
func appendChildren(stack []*Schema, s *Schema) []*Schema {
	for i := len(s.Fields) - 1; i >= 0; i-- {
		stack = append(stack, s.Fields[i].Type)
	}
	for i := len(s.Branches) - 1; i >= 0; i-- {
		stack = append(stack, s.Branches[i])
	}
	if s.Items != nil {
		stack = append(stack, s.Items)
	}
	return stack
}

var primitives = map[string]Kind{
	"null": Null, "boolean": Boolean, "int": Int, "long": Long,
	"float": Float, "double": Double, "bytes": Bytes, "string": String,
}

// isName reports whether Java's default validator accepts one part of a name:
// a letter or underscore, then letters, digits and underscores, of the Basic
// Multilingual Plane.
func isName(part string) bool {
	for i, r := range part {
		if r > 0xffff || r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return part != ""
}

// splitName splits a full name at its last dot; a namespace of "" stays "".
func splitName(name string) (namespace, simple string, qualified bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

func joinName(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "." + name
}

// qualify returns the full name of a definition or alias inside a namespace.
func qualify(name, namespace string) string {
	if ns, simple, qualified := splitName(name); qualified {
		return joinName(ns, simple)
	}
	return joinName(namespace, name)
}
