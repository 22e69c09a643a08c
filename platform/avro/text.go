package avro

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Text returns the schema as the text that is registered: minified JSON,
// self-contained, every named type written out where it is used first and by
// name after that. It keeps docs, aliases, defaults, orders, logical types and
// all other properties. Properties stand in the order of Java's
// Schema.toString, those that Avro does not know sorted by name; equal schemas
// give equal bytes. Parse reads it back, unless types that refer to each other
// in a row nest it beyond Parse's depth when they are written out.
func Text(s *Schema) []byte {
	w := textWriter{known: map[string]bool{}}
	w.schema(s, "")
	return w.b
}

// TextWithout returns the text of Text, but writes the types in known by name,
// also where they are used first: the form of a schema that is registered with
// references.
func TextWithout(s *Schema, known *Names) []byte {
	w := textWriter{known: map[string]bool{}}
	if known != nil {
		for name := range known.byName {
			w.known[name] = true
		}
	}
	w.schema(s, "")
	return w.b
}

type textWriter struct {
	b     []byte
	known map[string]bool
}

func (w *textWriter) raw(s string) { w.b = append(w.b, s...) }

// property begins a property; the caller appends its value.
func (w *textWriter) property(name string) {
	if last := w.b[len(w.b)-1]; last != '{' {
		w.raw(",")
	}
	w.b = append(appendQuoted(w.b, name), ':')
}

func (w *textWriter) textProperty(name, text string) {
	w.property(name)
	w.b = appendQuoted(w.b, text)
}

func (w *textWriter) strings(name string, texts []string) {
	w.property(name)
	w.raw("[")
	for i, t := range texts {
		w.comma(i)
		w.b = appendQuoted(w.b, t)
	}
	w.raw("]")
}

func (w *textWriter) comma(i int) {
	if i > 0 {
		w.raw(",")
	}
}

func (w *textWriter) schema(s *Schema, namespace string) {
	switch s.Kind {
	case Record, Enum, Fixed:
		w.named(s, namespace)
	case Union:
		w.raw("[")
		for i, b := range s.Branches {
			w.comma(i)
			w.schema(b, namespace)
		}
		w.raw("]")
	case Array:
		w.collection(s, "items", namespace)
	case Map:
		w.collection(s, "values", namespace)
	default:
		w.primitive(s)
	}
}

func (w *textWriter) primitive(s *Schema) {
	if s.LogicalType == "" && len(s.Props) == 0 {
		w.b = appendQuoted(w.b, s.Kind.String())
		return
	}
	w.raw("{")
	w.textProperty("type", s.Kind.String())
	w.props(s)
	w.raw("}")
}

func (w *textWriter) collection(s *Schema, property, namespace string) {
	w.raw("{")
	w.textProperty("type", s.Kind.String())
	w.property(property)
	w.schema(s.Items, namespace)
	w.props(s)
	w.raw("}")
}

func (w *textWriter) named(s *Schema, namespace string) {
	if w.known[s.FullName()] {
		w.b = appendQuoted(w.b, shortRef(s, namespace))
		return
	}
	w.known[s.FullName()] = true
	w.raw("{")
	w.textProperty("type", typeName(s))
	w.textProperty("name", s.Name)
	if s.Namespace != namespace {
		w.textProperty("namespace", s.Namespace)
	}
	if s.Doc != "" {
		w.textProperty("doc", s.Doc)
	}
	w.body(s)
	w.props(s)
	w.aliases(s)
	w.raw("}")
}

func typeName(s *Schema) string {
	if s.IsError {
		return "error"
	}
	return s.Kind.String()
}

// shortRef returns how a type is named inside a namespace. A name that is also
// a kind's is written in full, lest a reader take it for the kind.
func shortRef(s *Schema, namespace string) string {
	if s.Namespace != namespace || slices.Contains(kindNames[:], s.Name) {
		return s.FullName()
	}
	return s.Name
}

func (w *textWriter) body(s *Schema) {
	switch s.Kind {
	case Fixed:
		w.property("size")
		w.b = strconv.AppendInt(w.b, int64(s.Size), 10)
	case Enum:
		w.strings("symbols", s.Symbols)
		if s.Default != "" {
			w.textProperty("default", s.Default)
		}
	default:
		w.fields(s)
	}
}

func (w *textWriter) fields(s *Schema) {
	w.property("fields")
	w.raw("[")
	for i, f := range s.Fields {
		w.comma(i)
		w.field(f, s.Namespace)
	}
	w.raw("]")
}

func (w *textWriter) field(f *Field, namespace string) {
	w.raw("{")
	w.textProperty("name", f.Name)
	w.property("type")
	w.schema(f.Type, namespace)
	if f.Doc != "" {
		w.textProperty("doc", f.Doc)
	}
	if f.HasDefault {
		w.property("default")
		w.b = append(w.b, f.Default...)
	}
	if !ascending(f) {
		w.textProperty("order", f.Order)
	}
	if len(f.Aliases) > 0 {
		w.strings("aliases", f.Aliases)
	}
	w.rawProps(f.Props)
	w.raw("}")
}

func (w *textWriter) props(s *Schema) {
	if s.LogicalType != "" {
		w.textProperty("logicalType", s.LogicalType)
	}
	if s.LogicalType == "decimal" {
		w.property("precision")
		w.b = strconv.AppendInt(w.b, int64(s.Precision), 10)
		if s.Scale != 0 {
			w.property("scale")
			w.b = strconv.AppendInt(w.b, int64(s.Scale), 10)
		}
	}
	w.rawProps(s.Props)
}

func (w *textWriter) rawProps(props map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(props)) {
		w.property(name)
		w.b = append(w.b, props[name]...)
	}
}

// aliases writes the aliases, those of the type's own namespace without it. A
// leading dot marks the null namespace.
func (w *textWriter) aliases(s *Schema) {
	if len(s.Aliases) == 0 {
		return
	}
	written := make([]string, len(s.Aliases))
	for i, full := range s.Aliases {
		ns, name, _ := splitName(full)
		switch {
		case ns == s.Namespace:
			written[i] = name
		case ns == "":
			written[i] = "." + name
		default:
			written[i] = full
		}
	}
	w.strings("aliases", written)
}
