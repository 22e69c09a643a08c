// Package sample invents values of schemas, for people to look at. The same
// schema always gives the same value.
package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A sampler writes an invented value of a schema as JSON. Values follow from
// the path of their field, so that a schema always gives the same sample.
type sampler struct {
	// tagged writes Avro's JSON encoding: unions name their branch, logical
	// types are their base type. Otherwise values are as people write them.
	tagged bool
	open   map[*avro.Schema]bool
	b      bytes.Buffer
}

// Plain returns a value as people write it, in indented JSON: times as text,
// unions as the value alone.
func Plain(s *avro.Schema) string { return write(s, false) }

// Avro returns the value of Plain in Avro's JSON encoding, indented.
func Avro(s *avro.Schema) string { return write(s, true) }

func write(s *avro.Schema, tagged bool) string {
	w := &sampler{tagged: tagged, open: map[*avro.Schema]bool{}}
	w.value(s, s.Name)
	var out bytes.Buffer
	if json.Indent(&out, w.b.Bytes(), "", "  ") != nil {
		return w.b.String()
	}
	return out.String()
}

func (w *sampler) value(s *avro.Schema, path string) {
	switch s.Kind {
	case avro.Record:
		w.record(s, path)
	case avro.Array:
		w.list(s, path)
	case avro.Map:
		w.mapping(s, path)
	case avro.Union:
		w.union(s, path)
	case avro.Enum:
		w.json(s.Symbols[hash(path)%uint64(len(s.Symbols))])
	case avro.Fixed:
		w.binary(s, path)
	default:
		w.primitive(s, path)
	}
}

func (w *sampler) record(s *avro.Schema, path string) {
	w.open[s] = true
	defer delete(w.open, s)
	w.b.WriteByte('{')
	for i, f := range s.Fields {
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.json(f.Name)
		w.b.WriteByte(':')
		w.value(f.Type, path+"."+f.Name)
	}
	w.b.WriteByte('}')
}

// ends reports whether a value of the schema comes to an end: it leads back to
// none of the records around it.
func (w *sampler) ends(s *avro.Schema) bool {
	for o := range w.open {
		if source.Uses(s, o) {
			return false
		}
	}
	return true
}

func (w *sampler) list(s *avro.Schema, path string) {
	w.b.WriteByte('[')
	if w.ends(s.Items) {
		w.value(s.Items, path)
	}
	w.b.WriteByte(']')
}

func (w *sampler) mapping(s *avro.Schema, path string) {
	w.b.WriteByte('{')
	if w.ends(s.Items) {
		w.json("example")
		w.b.WriteByte(':')
		w.value(s.Items, path)
	}
	w.b.WriteByte('}')
}

// union writes the first branch that says something, and null when only null
// comes to an end.
func (w *sampler) union(s *avro.Schema, path string) {
	for _, b := range s.Branches {
		if b.Kind == avro.Null || !w.ends(b) {
			continue
		}
		if !w.tagged {
			w.value(b, path)
			return
		}
		w.b.WriteByte('{')
		w.json(b.FullName())
		w.b.WriteByte(':')
		w.value(b, path)
		w.b.WriteByte('}')
		return
	}
	w.b.WriteString("null")
}

func (w *sampler) primitive(s *avro.Schema, path string) {
	n := hash(path)
	switch s.Kind {
	case avro.Null:
		w.b.WriteString("null")
	case avro.Boolean:
		fmt.Fprint(&w.b, n%3 != 0)
	case avro.Int, avro.Long:
		w.integer(s, path)
	case avro.Float, avro.Double:
		fmt.Fprintf(&w.b, "0.%02d", 50+n%45)
	case avro.Bytes:
		w.binary(s, path)
	default:
		w.json(text(s, path))
	}
}

// epoch is when the events of samples happen.
var epoch = time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)

func (w *sampler) integer(s *avro.Schema, path string) {
	at := epoch.Add(time.Duration(hash(path)%3600) * time.Second)
	sinceMidnight := at.Sub(at.Truncate(24 * time.Hour))
	number, shown := int64(1+hash(path)%20), ""
	switch s.LogicalType {
	case "date":
		number, shown = at.Unix()/86400, at.Format(time.DateOnly)
	case "time-millis":
		number, shown = sinceMidnight.Milliseconds(), at.Format(time.TimeOnly)
	case "time-micros":
		number, shown = sinceMidnight.Microseconds(), at.Format(time.TimeOnly)
	case "timestamp-millis", "local-timestamp-millis":
		number, shown = at.UnixMilli(), at.Format(time.RFC3339)
	case "timestamp-micros", "local-timestamp-micros":
		number, shown = at.UnixMicro(), at.Format(time.RFC3339)
	case "timestamp-nanos", "local-timestamp-nanos":
		number, shown = at.UnixNano(), at.Format(time.RFC3339)
	}
	if w.tagged || shown == "" {
		fmt.Fprint(&w.b, number)
		return
	}
	if strings.HasPrefix(s.LogicalType, "local-") {
		shown = strings.TrimSuffix(shown, "Z")
	}
	w.json(shown)
}

// binary writes bytes as Avro's JSON encoding does, a character for a byte, or
// as people see them.
func (w *sampler) binary(s *avro.Schema, path string) {
	size := s.Size
	if s.Kind == avro.Bytes {
		size = 2
	}
	raw := make([]rune, size)
	for i := range raw {
		raw[i] = rune((hash(path) >> (8 * (i % 8))) & 0x7f)
	}
	switch {
	case s.LogicalType == "decimal":
		w.decimal(s, size)
	case w.tagged:
		w.json(string(raw))
	case s.LogicalType == "uuid":
		w.json(uuid(path))
	default:
		w.json([]byte(string(raw)))
	}
}

// decimal writes the unscaled value 1999, which fits in two bytes, or less for
// a precision or a size below that.
func (w *sampler) decimal(s *avro.Schema, size int) {
	unscaled := int64(1999)
	if s.Precision < 4 || size < 2 {
		unscaled = 7
	}
	raw := make([]rune, size)
	for i := range min(size, 2) {
		raw[size-1-i] = rune(unscaled >> (8 * i) & 0xff)
	}
	if w.tagged {
		w.json(string(raw))
		return
	}
	digits := fmt.Sprintf("%0*d", s.Scale+1, unscaled)
	if s.Scale > 0 {
		digits = digits[:len(digits)-s.Scale] + "." + digits[len(digits)-s.Scale:]
	}
	w.json(digits)
}

func (w *sampler) json(v any) {
	e := json.NewEncoder(&w.b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and bytes always encode
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64() >> 1
}

// uuid is a UUID of version 7 that follows from the path.
func uuid(path string) string {
	n := hash(path)
	return fmt.Sprintf("019bc0f0-%04x-7%03x-8%03x-%012x", n>>48, n>>36&0xfff, n>>24&0xfff, n*0x9e3779b97f4a7c15>>16)
}

// words are what strings hold whose field's name ends in a word, first match
// first.
var words = []struct{ suffix, text string }{
	{"email", "ada@example.org"}, {"phone", "+49 30 1234567"}, {"url", "https://example.org/materials/7"}, {"uri", "https://example.org/materials/7"},
	{"displayname", "Ada Lovelace"}, {"studentname", "Ada Lovelace"}, {"username", "Ada Lovelace"}, {"filename", "lecture-07.pdf"}, {"name", "Ada Lovelace"},
	{"title", "Graph theory"}, {"locale", "en"}, {"language", "en"}, {"currency", "EUR"}, {"timezone", "Europe/Berlin"},
	{"code", "MATH-101"}, {"contenttype", "application/pdf"}, {"topic", "graphs"}, {"term", "2026-spring"},
	{"body", "You have earned a badge."}, {"reason", "For helping others."}, {"description", "An introduction."},
}

// text invents a string from the name of its field.
func text(s *avro.Schema, path string) string {
	if s.LogicalType == "uuid" {
		return uuid(path)
	}
	return word(path)
}

// word invents a string from the last name of a path in camel or snake case.
func word(path string) string {
	name := strings.ReplaceAll(strings.ToLower(path[strings.LastIndexByte(path, '.')+1:]), "_", "")
	for _, w := range words {
		if strings.HasSuffix(name, w.suffix) {
			return w.text
		}
	}
	if kind, ok := strings.CutSuffix(name, "id"); ok && kind != "" {
		return fmt.Sprintf("%s-%d", kind, 1000+hash(name)%9000)
	}
	return name
}
