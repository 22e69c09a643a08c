package tssdk

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// eventsDir is where the modules of events are, one a namespace.
const eventsDir = Dir + "/src/events"

// typeModule declares what an event type is.
const typeModule = Dir + "/src/event.js"

// events are the modules of all namespaces in the making.
type events struct {
	modules map[string]*file
	done    map[string]*avro.Schema // declared types, by module and name
}

// emitEvents emits an interface for each record, a union of texts for each
// enum, and a description for each event.
func emitEvents(m *model.Model) ([]plan.File, error) {
	w := &events{modules: map[string]*file{}, done: map[string]*avro.Schema{}}
	for _, e := range m.Events {
		f, err := w.module(e.Schema.Namespace)
		if err != nil {
			return nil, err
		}
		f.sources = append(f.sources, e.File)
		if err := w.declare(e.Schema); err != nil {
			return nil, fmt.Errorf("emit TypeScript of %s: %w", e.File, err)
		}
		w.describe(f, e)
	}
	var files []plan.File
	for _, namespace := range slices.Sorted(maps.Keys(w.modules)) {
		files = append(files, w.modules[namespace].done())
	}
	return append(files, w.index()), nil
}

// module returns that of a namespace, pl.<context>.v<N>.
func (w *events) module(namespace string) (*file, error) {
	if f, ok := w.modules[namespace]; ok {
		return f, nil
	}
	parts := strings.Split(namespace, ".")
	if len(parts) != 3 || parts[0] != "pl" {
		return nil, fmt.Errorf("the namespace %q has no module; write pl.<context>.v<N>", namespace)
	}
	w.modules[namespace] = newFile(modulePathOf(namespace, ".ts"))
	return w.modules[namespace], nil
}

func modulePathOf(namespace, ext string) string {
	parts := strings.Split(namespace, ".")
	return eventsDir + "/" + parts[1] + "/" + parts[2] + ext
}

// declare prints a named type and those that it uses, once.
func (w *events) declare(s *avro.Schema) error {
	f, err := w.module(s.Namespace)
	if err != nil {
		return err
	}
	name := s.FullName()
	if w.done[name] != nil {
		return nil
	}
	w.done[name], f.own[s.Name] = s, true
	for _, used := range namedIn(s) {
		if err := w.declare(used); err != nil {
			return err
		}
	}
	switch s.Kind {
	case avro.Record:
		w.record(f, s)
	case avro.Enum:
		f.doc("", s.Doc)
		f.printf("export type %s = %s;\n\n", s.Name, symbols(s))
	}
	return nil
}

func symbols(s *avro.Schema) string {
	quoted := make([]string, len(s.Symbols))
	for i, symbol := range s.Symbols {
		quoted[i] = quote(symbol)
	}
	return strings.Join(quoted, " | ")
}

func (w *events) record(f *file, s *avro.Schema) {
	f.doc("", s.Doc)
	f.printf("export interface %s {\n", s.Name)
	for i, field := range s.Fields {
		if i > 0 {
			f.printf("\n")
		}
		doc := field.Doc
		if kind := avrojson.Personal(field); kind != "" {
			doc += fmt.Sprintf("\n\nPersonal data (%s): keep it out of logs.", kind)
		}
		f.doc("  ", strings.TrimPrefix(doc, "\n\n"))
		f.printf("  %s: %s;\n", field.Name, w.typeOf(f, field.Type))
	}
	f.printf("}\n\n")
}

// namedIn returns the records and enums that a type uses, in order.
func namedIn(s *avro.Schema) []*avro.Schema {
	var list []*avro.Schema
	var walk func(s *avro.Schema)
	walk = func(s *avro.Schema) {
		switch s.Kind {
		case avro.Record, avro.Enum:
			list = append(list, s)
		case avro.Array, avro.Map:
			walk(s.Items)
		case avro.Union:
			for _, b := range s.Branches {
				walk(b)
			}
		}
	}
	for _, field := range s.Fields {
		walk(field.Type)
	}
	return list
}

// typeOf returns the TypeScript type of a datum. It is that of its JSON form,
// as package avrojson has it: an event is the same value out of a broker's
// record and out of a realtime frame.
func (w *events) typeOf(f *file, s *avro.Schema) string {
	switch s.Kind {
	case avro.Null:
		return "null"
	case avro.Boolean:
		return "boolean"
	case avro.String, avro.Bytes:
		return "string"
	case avro.Int, avro.Long:
		if s.LogicalType != "" {
			return "string"
		}
		return "number"
	case avro.Float, avro.Double:
		return "number"
	case avro.Fixed:
		if s.LogicalType == "duration" {
			return "{ months: number; days: number; millis: number }"
		}
		return "string"
	case avro.Array:
		return "readonly " + parenthesized(w.typeOf(f, s.Items)) + "[]"
	case avro.Map:
		return "{ readonly [key: string]: " + w.typeOf(f, s.Items) + " }"
	case avro.Union:
		return w.union(f, s)
	}
	return w.name(f, s)
}

func parenthesized(t string) string {
	if strings.ContainsAny(t, "| ") && !strings.HasPrefix(t, "{") {
		return "(" + t + ")"
	}
	return t
}

// union is null or the plain type when there is one beside null; the branches
// of a larger one are told apart by an object with one property.
func (w *events) union(f *file, s *avro.Schema) string {
	plain := len(s.Branches) == 2 && (s.Branches[0].Kind == avro.Null) != (s.Branches[1].Kind == avro.Null)
	types := make([]string, len(s.Branches))
	for i, b := range s.Branches {
		types[i] = w.typeOf(f, b)
		if !plain && b.Kind != avro.Null {
			types[i] = fmt.Sprintf("{ %s: %s }", strconv.Quote(branchName(b)), types[i])
		}
	}
	return strings.Join(types, " | ")
}

func branchName(s *avro.Schema) string { return s.FullName() }

func (w *events) name(f *file, s *avro.Schema) string {
	from := modulePathOf(s.Namespace, ".js")
	if from == strings.TrimSuffix(f.path, ".ts")+".js" {
		return s.Name
	}
	return f.typ(s.Name, from)
}

// describe prints the value that stands for an event's type.
func (w *events) describe(f *file, e *model.Event) {
	f.doc("", fmt.Sprintf("The event type %s: its topic, its key and its registered schema.", e.Topic))
	f.printf("export const %s: %s<%s> = {\n", e.GoName, f.typ("EventType", typeModule), e.GoName)
	f.printf("  topic: %s,\n  context: %s,\n", quote(e.Topic), quote(e.Context))
	if e.Key != nil {
		f.printf("  key: %s,\n", quote(e.Key.Name))
	}
	if e.Subject != nil {
		f.printf("  subject: %s,\n", quote(e.Subject.Name))
	}
	f.printf("  partitions: %d,\n  retentionMillis: %d,\n", e.Partitions, e.Retention.Milliseconds())
	f.printf("  fingerprint: \"%016x\",\n", e.Fingerprint)
	f.printf("  schema: %s,\n};\n\n", quote(string(e.Text)))
}

// index exports every namespace under a name of its own, "quizv1".
func (w *events) index() plan.File {
	f := newFile(eventsDir + "/index.ts")
	for _, namespace := range slices.Sorted(maps.Keys(w.modules)) {
		parts := strings.Split(namespace, ".")
		f.printf("export * as %s%s from \"./%s/%s.js\";\n", parts[1], parts[2], parts[1], parts[2])
	}
	return f.done()
}
