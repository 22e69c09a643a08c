// Package graphql emits the GraphQL schema of all calls, and the table of what
// the schema does not say: which call a field makes, and which call loads what
// an id names.
package graphql

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "graphql"

// Dir is the emitted package, relative to the repository's root.
const Dir = "gen/graphql"

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(gofile.Funcs()).ParseFS(files, "*.tmpl"))

// Graph returns the function that has the schema and its table.
func Graph(module string) gofile.Ident {
	return gofile.PackageAt(module + "/" + Dir).Ident("Graph")
}

// A view is the table as its template sees it.
type view struct {
	module    string
	Roots     []root
	Relations []relation

	Subscriptions []subscription
	Variants      []variant
}

type root struct {
	Type, Name string
	Procedure  gofile.Ident
}

type relation struct {
	Type, Field, From, IDs, Items, Key string
	Batch                              gofile.Ident
	Max                                uint32
}

type subscription struct{ Name, Topic, Family, Argument string }

type variant struct{ Record, Type string }

// Platform returns an identifier of a package under platform.
func (v *view) Platform(dir, name string) gofile.Ident {
	return gofile.PackageAt(v.module + "/platform/" + dir).Ident(name)
}

// Emit returns the schema and the package that has it, nothing when no context
// has calls.
func Emit(m *model.Model) ([]plan.File, error) {
	s := newSchema(m)
	v := &view{module: m.Module}
	for _, c := range m.Contexts {
		if c.Service == nil {
			continue
		}
		for _, method := range c.Service.Methods {
			if method.ServicesOnly() {
				continue
			}
			s.root(method)
			v.Roots = append(v.Roots, root{rootType(method), lowerFirst(method.Name), service.ProcedureIdent(c.Service, method)})
		}
	}
	if len(v.Roots) == 0 {
		return nil, nil
	}
	s.events(m.Events)
	v.Relations, v.Subscriptions, v.Variants = s.relations, s.subscriptions, s.variants
	f := gofile.New(Dir+"/graph.go", gofile.Package{Path: m.Module + "/" + Dir, Name: "graphql"})
	f.Reserve("files", "text")
	f.Doc("Package graphql has the GraphQL schema of all contexts.")
	f.Template(templates.Lookup("graph.tmpl"), v)
	src, err := f.Source()
	if err != nil {
		return nil, fmt.Errorf("emit GraphQL: %w", err)
	}
	return []plan.File{
		{Path: f.Path(), Content: src, Emitter: Emitter},
		{Path: Dir + "/schema.graphql", Content: s.text(), Emitter: Emitter},
	}, nil
}

func rootType(m *model.Method) string {
	if m.Query {
		return "Query"
	}
	return "Mutation"
}

// A schema collects types from the calls that lead to them.
type schema struct {
	model           *model.Model
	query, mutation []string
	subscription    []string
	types, inputs   []string
	enums           []string
	seen            map[string]bool
	names           map[protoreflect.FullName]string
	rules           map[protoreflect.FullName]*model.Message
	relations       []relation
	subscriptions   []subscription
	variants        []variant
	occurrences     map[*model.Event]string // the types of events
	records         map[string]string       // the types of records and enums in them, by full name
}

func newSchema(m *model.Model) *schema {
	s := &schema{
		model: m, seen: map[string]bool{}, names: names(m), rules: map[protoreflect.FullName]*model.Message{},
		occurrences: map[*model.Event]string{}, records: map[string]string{},
	}
	for _, c := range m.Contexts {
		if c.Service == nil {
			continue
		}
		for _, method := range c.Service.Methods {
			s.ruled(method.Input)
		}
	}
	return s
}

// ruled notes the rules of a request and of the messages in it.
func (s *schema) ruled(m *model.Message) {
	if s.rules[m.Desc.FullName()] != nil {
		return
	}
	s.rules[m.Desc.FullName()] = m
	for _, r := range m.Rules {
		if r.Message != nil {
			s.ruled(r.Message)
		}
	}
}

// names gives every message and enum a name of its own: its own one, behind
// that of its context where two contexts have the same.
func names(m *model.Model) map[protoreflect.FullName]string {
	owners := map[string]map[protoreflect.FullName]string{}
	for _, c := range m.Contexts {
		if c.Service == nil {
			continue
		}
		for _, method := range c.Service.Methods {
			if method.ServicesOnly() {
				continue
			}
			for _, d := range []protoreflect.MessageDescriptor{method.Input.Desc, method.Output.Desc} {
				note(owners, c.Name, d)
			}
		}
	}
	list := map[protoreflect.FullName]string{}
	for name, claims := range owners {
		for full, context := range claims {
			list[full] = name
			if len(claims) > 1 || reserved[name] {
				list[full] = strings.ToUpper(context[:1]) + context[1:] + name
			}
		}
	}
	return list
}

// reserved are the names that GraphQL or the schema itself has.
var reserved = map[string]bool{
	"Query": true, "Mutation": true, "Subscription": true,
	"String": true, "Int": true, "Float": true, "Boolean": true, "ID": true,
	"Int64": true, "UInt64": true, "UInt32": true, "Bytes": true, "Timestamp": true, "Duration": true, "FieldMask": true, "JSON": true,
	"Date": true, "TimeOfDay": true, "LocalTimestamp": true, "Decimal": true, "CalendarPeriod": true,
}

func note(owners map[string]map[protoreflect.FullName]string, context string, d protoreflect.Descriptor) {
	full := d.FullName()
	if ownOfProtobuf(d) || owners[local(d)][full] != "" {
		return
	}
	if owners[local(d)] == nil {
		owners[local(d)] = map[protoreflect.FullName]string{}
	}
	owners[local(d)][full] = context
	if m, ok := d.(protoreflect.MessageDescriptor); ok {
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if f.IsMap() {
				continue
			}
			if f.Message() != nil {
				note(owners, context, f.Message())
			}
			if f.Enum() != nil {
				note(owners, context, f.Enum())
			}
		}
	}
}

// local is a name within its package, QuizQuestion for Quiz.Question.
func local(d protoreflect.Descriptor) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return strings.ReplaceAll(name, ".", "")
}

func ownOfProtobuf(d protoreflect.Descriptor) bool {
	return d.ParentFile().Package() == "google.protobuf"
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// text is the whole schema.
func (s *schema) text() []byte {
	var parts []string
	parts = append(parts, head)
	for name, fields := range map[string][]string{"Query": s.query, "Mutation": s.mutation} {
		if len(fields) > 0 {
			parts = append(parts, block("", "type "+name, fields))
		}
	}
	slices.SortFunc(parts[1:], func(a, b string) int { return cmp.Compare(b, a) }) // Query goes first
	if len(s.subscription) > 0 {
		parts = append(parts, eventScalars, block("", "type Subscription", s.subscription))
	}
	for _, list := range [][]string{s.types, s.inputs, s.enums} {
		parts = append(parts, list...)
	}
	return []byte(strings.Join(parts, "\n"))
}

const head = `# Code generated by pl-gen. DO NOT EDIT.

"""A time as RFC 3339 has it, in UTC: 2026-05-01T12:00:00Z."""
scalar Timestamp @specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc3339")

"""A duration in seconds: 1.5s."""
scalar Duration

"""Names of fields, separated by commas."""
scalar FieldMask

"""A whole number of 64 bits, in decimal and as text: numbers in JSON lose digits."""
scalar Int64

"""A whole number of 64 bits from 0, in decimal and as text."""
scalar UInt64

"""A whole number of 32 bits from 0, in decimal and as text."""
scalar UInt32

"""Bytes in base64."""
scalar Bytes

"""An object whose members the schema does not name, or any other value of JSON."""
scalar JSON
`

// block is a definition with fields or values.
func block(doc, opening string, lines []string) string {
	return description(doc, "") + opening + " {\n" + strings.Join(lines, "") + "}\n"
}

// description is a doc comment, as GraphQL has it.
func description(doc, indent string) string {
	doc = strings.ReplaceAll(strings.TrimSpace(doc), `"""`, `\"""`)
	switch {
	case doc == "":
		return ""
	case strings.Contains(doc, "\n") || strings.HasSuffix(doc, `"`):
		return indent + `"""` + "\n" + strings.ReplaceAll(indent+strings.ReplaceAll(doc, "\n", "\n"+indent), "\n"+indent+"\n", "\n\n") + "\n" + indent + `"""` + "\n"
	}
	return indent + `"""` + doc + `"""` + "\n"
}
