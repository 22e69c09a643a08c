// Package openapi emits OpenAPI 3.1 documents of the calls that people may make
// over HTTP with JSON: the REST API on the routes of the contracts, and every
// call over Connect. Calls that are for other contexts alone are in none.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "openapi"

// Dir is where the documents are, relative to the repository's root.
const Dir = "gen/openapi"

// Emit returns the document of one context, gen/openapi/<context>.json, and
// nothing for a context without calls.
func Emit(c *model.Context) ([]plan.File, error) {
	if c.Service == nil || len(c.Service.Methods) == 0 {
		return nil, nil
	}
	return write(c.Name, newDocument(c.Service.Name, c.Doc, c))
}

func write(name string, d *document) ([]plan.File, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("emit OpenAPI of %s: %w", name, err)
	}
	return []plan.File{{Path: Dir + "/" + name + ".json", Content: b.Bytes(), Emitter: Emitter}}, nil
}

// hub is the document of all contexts.
const hub = "hub"

// EmitHub returns the document of all contexts, and the Go package that has the
// documents in it.
func EmitHub(m *model.Model) ([]plan.File, error) {
	var contexts []*model.Context
	for _, c := range m.Contexts {
		if c.Service != nil && len(c.Service.Methods) > 0 {
			contexts = append(contexts, c)
		}
	}
	document, err := write(hub, newDocument("All contexts", "The calls of all contexts in one document.", contexts...))
	if err != nil {
		return nil, err
	}
	embedded, err := emitPackage(m.Module)
	return append(document, embedded...), err
}

func emitPackage(module string) ([]plan.File, error) {
	f := gofile.New(Dir+"/openapi.go", gofile.Package{Path: module + "/" + Dir, Name: "openapi"})
	f.Reserve("name", "text", "err")
	f.Doc("Package openapi has the OpenAPI documents of the contexts' REST APIs.")
	f.P("//go:embed *.json")
	f.P("var files ", gofile.PackageAt("embed").Ident("FS"))
	f.P()
	f.Comment("Document returns the document of one context, \"quiz\", or of all of them, \"hub\"; nil for a context without calls.")
	f.P("func Document(name string) []byte {")
	f.P(`text, err := files.ReadFile(name + ".json")`)
	f.P("if err != nil {")
	f.P("return nil")
	f.P("}")
	f.P("return text")
	f.P("}")
	src, err := f.Source()
	if err != nil {
		return nil, err
	}
	return []plan.File{{Path: f.Path(), Content: src, Emitter: Emitter}}, nil
}

func newDocument(title, doc string, contexts ...*model.Context) *document {
	d := &document{
		OpenAPI: "3.1.0",
		Info: info{
			Title: title, Version: "v1", Description: doc,
			Contact:   contact{owners(contexts)},
			Generated: "by pl-gen from contracts; do not edit",
		},
		Servers:    []server{{"/"}},
		Security:   []security{{bearer: {}}},
		Paths:      map[string]*pathItem{},
		Components: newComponents(),
	}
	s := newSchemas(contexts)
	for _, c := range contexts {
		d.Tags = append(d.Tags, tag{c.Service.Name, c.Doc})
		for _, m := range forPeople(c) {
			d.route(c, m, s)
		}
	}
	for _, c := range contexts {
		d.Tags = append(d.Tags, tag{connectTag(c), "Every call of " + c.Service.Name + " over Connect's JSON protocol."})
		for _, m := range forPeople(c) {
			d.call(c, m, s)
		}
	}
	d.Components.Schemas = s.defined
	d.Components.Schemas[errorName] = connectError()
	d.Components.Schemas[problemName] = problem()
	return d
}

// forPeople returns the calls of a context that people may make.
func forPeople(c *model.Context) []*model.Method {
	return slices.DeleteFunc(slices.Clone(c.Service.Methods), (*model.Method).ServicesOnly)
}

func owners(contexts []*model.Context) string {
	var names []string
	for _, c := range contexts {
		if !slices.Contains(names, c.Owner) {
			names = append(names, c.Owner)
		}
	}
	return strings.Join(names, ", ")
}
