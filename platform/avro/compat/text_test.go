package compat_test

import (
	"encoding/json"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// text writes the schema; ok is false when it has become none, as a rename may
// bring about.
func (s *typ) text() (text string, ok bool) {
	w := writer{state: map[*typ]int{}}
	b, err := json.Marshal(w.write(s))
	if err != nil {
		panic(err)
	}
	_, err = avro.Parse("s.avsc", b, nil)
	return string(b), err == nil
}

const (
	postponed = 1 + iota
	open
	defined
)

type writer struct{ state map[*typ]int }

func (w writer) write(s *typ) any {
	switch s.kind {
	case "array":
		return map[string]any{"type": "array", "items": w.write(s.items)}
	case "map":
		return map[string]any{"type": "map", "values": w.write(s.items)}
	case "union":
		list := []any{}
		for _, b := range s.branches {
			list = append(list, w.write(b))
		}
		return list
	case "record", "enum", "fixed":
		return w.named(s)
	}
	return s.kind
}

func (w writer) named(s *typ) any {
	switch state := w.state[s]; {
	case state == 0 && s.late:
		w.state[s] = postponed
		return s.full()
	case state == open, state == defined && !s.again:
		return s.full()
	}
	w.state[s] = open
	def := w.definition(s)
	w.state[s] = defined
	return def
}

func (w writer) definition(s *typ) any {
	def := map[string]any{"type": s.kind, "name": s.name, "namespace": s.ns}
	if s.aliases != nil {
		def["aliases"] = s.aliases
	}
	switch s.kind {
	case "enum":
		def["symbols"] = s.symbols
		if s.symbol != "" {
			def["default"] = s.symbol
		}
	case "fixed":
		def["size"] = s.size
	case "record":
		fields := []any{}
		for _, f := range s.fields {
			fields = append(fields, w.member(f))
		}
		def["fields"] = fields
	}
	return def
}

func (w writer) member(f *member) any {
	def := map[string]any{"name": f.name, "type": w.write(f.typ)}
	if f.aliases != nil {
		def["aliases"] = f.aliases
	}
	if f.hasDefault {
		if value, ok := f.typ.value(0); ok {
			def["default"] = value
		}
	}
	return def
}

// value returns a default value for a type; ok is false if that is hard.
func (s *typ) value(depth int) (any, bool) {
	switch s.kind {
	case "null":
		return nil, true
	case "boolean":
		return true, true
	case "int", "long", "float", "double":
		return 1, true
	case "bytes", "string":
		return "x", true
	case "fixed":
		return "xxx"[:min(3, s.size)], true
	case "enum":
		return s.symbols[0], true
	case "array":
		return []any{}, true
	case "map":
		return map[string]any{}, true
	case "union":
		if len(s.branches) > 0 {
			return s.branches[0].value(depth)
		}
	}
	return nil, false
}
