// Package openapi emits OpenAPI 3.1 documents of the calls that contexts serve
// today: Connect's JSON protocol, POST for every call and GET for queries. REST
// bindings are noted as x-rest.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"

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
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(newDocument(c)); err != nil {
		return nil, fmt.Errorf("emit OpenAPI of %s: %w", c.Name, err)
	}
	return []plan.File{{Path: Dir + "/" + c.Name + ".json", Content: b.Bytes(), Emitter: Emitter}}, nil
}

// EmitHub returns the Go package that has the documents in it.
func EmitHub(m *model.Model) ([]plan.File, error) {
	f := gofile.New(Dir+"/openapi.go", gofile.Package{Path: m.Module + "/" + Dir, Name: "openapi"})
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

func newDocument(c *model.Context) *document {
	d := &document{
		OpenAPI: "3.1.0",
		Info: info{
			Title: c.Service.Name, Version: "v1", Description: c.Doc,
			Contact:   contact{c.Owner},
			Generated: "by pl-gen from contracts; do not edit",
		},
		Servers: []server{{"/"}},
		Tags:    []tag{{c.Service.Name, c.Doc}},
		Paths:   map[string]*pathItem{},
		Components: components{
			Parameters: parameters(),
			Responses:  responses(),
		},
	}
	s := newSchemas(c.Service.Methods)
	for _, m := range c.Service.Methods {
		d.Paths["/"+string(c.Service.Desc.FullName())+"/"+m.Name] = d.path(c, m, s)
	}
	d.Components.Schemas = s.defined
	d.Components.Schemas[errorName] = connectError()
	return d
}

func (d *document) path(c *model.Context, m *model.Method, s *schemas) *pathItem {
	item := &pathItem{Post: call(c, m, s)}
	item.Post.Body = &body{true, jsonOf(s.request(m.Input.Desc))}
	if !m.Query {
		item.Post.Parameters = append([]parameter{refTo("parameters", idempotencyKey)}, item.Post.Parameters...)
		return item
	}
	item.Get = call(c, m, s)
	item.Get.ID = m.Name + ".get"
	item.Get.Parameters = append([]parameter{
		{Name: "encoding", In: "query", Required: true, Schema: &schema{Const: "json"}},
		{Name: "connect", In: "query", Schema: &schema{Const: "v1"}},
		{Name: "message", In: "query", Required: true, Description: "The request as JSON.", Content: jsonOf(s.request(m.Input.Desc))},
	}, item.Get.Parameters[1:]...)
	return item
}

// call is what POST and GET of a call have in common.
func call(c *model.Context, m *model.Method, s *schemas) *operation {
	o := &operation{
		ID: m.Name, Tags: []string{c.Service.Name}, Summary: firstSentence(m.Doc), Description: m.Doc,
		Parameters: []parameter{refTo("parameters", protocolVersion), refTo("parameters", timeout)},
		Responses: map[string]response{"200": {
			Description: "The call succeeded.",
			Content:     jsonOf(s.response(m.Output.Desc)),
		}},
		Query: m.Query,
	}
	for _, f := range failures {
		o.Responses[f.status] = refResponse(f.name)
	}
	if m.HTTPVerb != "" {
		o.REST = &rest{m.HTTPVerb, m.HTTPPath, "the binding that the REST gateway serves; this server does not"}
	}
	return o
}
