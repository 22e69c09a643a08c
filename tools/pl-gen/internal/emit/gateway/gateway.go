// Package gateway emits what the front door serves: for each context the table
// of the calls that people may make, with their REST routes, and one package with all of them, for
// the hub and for a gateway of its own.
package gateway

import (
	"embed"
	"text/template"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/graphql"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "gateway"

// hub is the package with all contexts. No context has its name: the command
// of all contexts has it too.
const hub = "hub"

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(gofile.Funcs()).ParseFS(files, "*.tmpl"))

// FrontOf returns the function that says what the front door of one context's
// process serves.
func FrontOf(module, context string) gofile.Ident { return pkg(module, context).Ident("Front") }

// Front returns the function that says what the front door of all contexts
// serves.
func Front(module string) gofile.Ident { return pkg(module, hub).Ident("Front") }

// pkg is, for example, quizgateway in gen/gateway/quiz.
func pkg(module, name string) gofile.Package {
	return gofile.Package{Path: module + "/gen/gateway/" + name, Name: name + "gateway"}
}

// A view is a context as its template sees it.
type view struct {
	module  string
	Name    string
	Methods []method
}

type method struct {
	Procedure, Input, Output gofile.Ident
	Query                    bool
	Verb, Path               string
}

// A hubView is all contexts as their template sees them.
type hubView struct {
	module string
	APIs   []gofile.Ident
}

// Platform returns an identifier of a package under platform.
func (v view) Platform(dir, name string) gofile.Ident { return platform(v.module, dir, name) }

// OpenAPI returns the function that has the documents.
func (v view) OpenAPI() gofile.Ident { return document(v.module) }

// Platform returns an identifier of a package under platform.
func (v hubView) Platform(dir, name string) gofile.Ident { return platform(v.module, dir, name) }

// OpenAPI returns the function that has the documents.
func (v hubView) OpenAPI() gofile.Ident { return document(v.module) }

// GraphQL returns the function that has the schema over all contexts.
func (v hubView) GraphQL() gofile.Ident { return graphql.Graph(v.module) }

func platform(module, dir, name string) gofile.Ident {
	return gofile.PackageAt(module + "/platform/" + dir).Ident(name)
}

func document(module string) gofile.Ident {
	return gofile.PackageAt(module + "/gen/openapi").Ident("Document")
}

// Emit returns the table of one context, nothing for a context without calls.
func Emit(module string, c *model.Context) ([]plan.File, error) {
	if !served(c) {
		return nil, nil
	}
	v := view{module: module, Name: c.Name}
	for _, m := range c.Service.Methods {
		if m.ServicesOnly() {
			continue
		}
		v.Methods = append(v.Methods, method{
			Procedure: service.ProcedureIdent(c.Service, m),
			Input:     service.MessageIdent(m.Input), Output: service.MessageIdent(m.Output),
			Query: m.Query, Verb: m.HTTPVerb, Path: m.HTTPPath,
		})
	}
	f := gofile.New("gen/gateway/"+c.Name+"/api.go", pkg(module, c.Name), c.Service.File)
	f.Doc("Package " + c.Name + "gateway lists the calls of the context " + c.Name + " as the front door serves them.")
	f.Template(templates.Lookup("api.tmpl"), v)
	return source(f)
}

// EmitHub returns the package with the tables of all contexts.
func EmitHub(m *model.Model) ([]plan.File, error) {
	v := hubView{module: m.Module}
	for _, c := range m.Contexts {
		if served(c) {
			v.APIs = append(v.APIs, pkg(m.Module, c.Name).Ident("API"))
		}
	}
	f := gofile.New("gen/gateway/"+hub+"/front.go", pkg(m.Module, hub))
	f.Doc("Package hubgateway is the front door of all contexts: of the hub, which serves them itself, and of a gateway, which reaches them over the network.")
	f.Template(templates.Lookup("hub.tmpl"), v)
	return source(f)
}

func served(c *model.Context) bool { return c.Service != nil && len(c.Service.Methods) > 0 }

func source(f *gofile.File) ([]plan.File, error) {
	src, err := f.Source()
	if err != nil {
		return nil, err
	}
	return []plan.File{{Path: f.Path(), Content: src, Emitter: Emitter}}, nil
}
