package schema

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// aliases are the names that the reader's schema gives to the writer's types
// and fields. Java rewrites the writer's schema with them before it resolves.
type aliases struct {
	// types leads from an alias to the reader's full name.
	types map[string]string
	// fields leads from a reader's record and a field's alias to its name.
	fields map[string]map[string]string
}

func aliasesOf(reader *avro.Schema) aliases {
	a := aliases{types: map[string]string{}, fields: map[string]map[string]string{}}
	a.collect(reader, map[*avro.Schema]bool{})
	return a
}

func (a aliases) collect(s *avro.Schema, seen map[*avro.Schema]bool) {
	if seen[s] {
		return
	}
	seen[s] = true
	for _, alias := range s.Aliases {
		a.types[alias] = s.FullName()
	}
	for _, f := range s.Fields {
		for _, alias := range f.Aliases {
			if a.fields[s.FullName()] == nil {
				a.fields[s.FullName()] = map[string]string{}
			}
			a.fields[s.FullName()][alias] = f.Name
		}
		a.collect(f.Type, seen)
	}
	if s.Items != nil {
		a.collect(s.Items, seen)
	}
	for _, b := range s.Branches {
		a.collect(b, seen)
	}
}

// fullName returns what the reader calls the writer's type w.
func (a aliases) fullName(w *avro.Schema) string {
	if name, ok := a.types[w.FullName()]; ok {
		return name
	}
	return w.FullName()
}

func (a aliases) shortName(w *avro.Schema) string {
	name := a.fullName(w)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// field returns what the reader calls a field of the writer's record.
func (a aliases) field(w *avro.Schema, name string) string {
	if alias, ok := a.fields[a.fullName(w)][name]; ok {
		return alias
	}
	return name
}
