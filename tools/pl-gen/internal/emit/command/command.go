// Package command emits the main packages: one for each context, for a process
// of its own, the hub, which is all of them in one process, and the gateway,
// which is the front door of all of them. They are the only packages that know services, engines and drivers.
package command

import (
	"embed"
	"slices"
	"text/template"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/gateway"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "command"

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(gofile.Funcs()).ParseFS(files, "*.tmpl"))

// A view is a main package as its template sees it.
type view struct {
	module  string
	App     string
	Engines gofile.Ident
	// Front says what the front door of the process serves; nothing for a
	// context without calls.
	Front    gofile.Ident
	Site     gofile.Ident // nothing for a process without pages
	Contexts []contextView
}

type contextView struct {
	Register, New, Migrations gofile.Ident
}

// Platform returns an identifier of a package under platform.
func (v view) Platform(dir, name string) gofile.Ident {
	return gofile.PackageAt(v.module + "/platform/" + dir).Ident(name)
}

// Emit returns the main package of one context, nothing for a context that has
// no service.
func Emit(module string, c *model.Context) ([]plan.File, error) {
	if c.Service == nil {
		return nil, nil
	}
	doc := "Command " + c.Name + " serves the context " + c.Name + " in a process of its own. Run it with help for its commands."
	v := view{module: module, App: c.Name, Engines: engines(module, "External"), Contexts: []contextView{contextOf(module, c)}}
	if len(c.Service.Methods) > 0 {
		v.Front = gateway.FrontOf(module, c.Name)
	}
	return emit(module, "gen/cmd/"+c.Name, doc, v, c.Service.File)
}

// EmitHub returns the main packages of the hub and of the gateway, and the
// engines that all main packages run on. With a site both serve its pages.
func EmitHub(m *model.Model, site bool) ([]plan.File, error) {
	v := view{module: m.Module, App: "hub", Engines: engines(m.Module, "Embedded"), Front: gateway.Front(m.Module)}
	if site {
		v.Site = gofile.PackageAt(m.Module + "/services/web").Ident("Site")
	}
	for _, c := range m.Contexts {
		if c.Service != nil {
			v.Contexts = append(v.Contexts, contextOf(m.Module, c))
		}
	}
	doc := "Command hub serves all contexts in one process, with a broker, a registry and databases of its own unless it is given others. Run it with help for its commands."
	hub, err := emit(m.Module, "gen/cmd/hub", doc, v)
	if err != nil {
		return nil, err
	}
	door, err := emitGateway(m.Module, v.Site)
	if err != nil {
		return nil, err
	}
	shared, err := emitEngines(m.Module)
	return slices.Concat(hub, door, shared), err
}

// emitGateway returns the main package of a front door without contexts.
func emitGateway(module string, site gofile.Ident) ([]plan.File, error) {
	v := view{module: module, App: "gateway", Engines: engines(module, "External"), Front: gateway.Front(module), Site: site}
	doc := "Command gateway is the front door of all contexts and serves none of them itself: PL_CALLS_<CONTEXT> says where each is. Run it with help for its commands."
	return emit(module, "gen/cmd/gateway", doc, v)
}

func contextOf(module string, c *model.Context) contextView {
	return contextView{
		Register:   service.Package(module, c.Name).Ident("Register"),
		New:        gofile.PackageAt(module + "/services/" + c.Name).Ident("New"),
		Migrations: migrations(module, c.Name).Ident("Files"),
	}
}

// migrations is imported under the context's name, since a main package may
// have several.
func migrations(module, context string) gofile.Package {
	return gofile.Package{Path: module + "/services/" + context + "/migrations", Name: context + "migrations"}
}

func engines(module, name string) gofile.Ident {
	return gofile.PackageAt(module + "/gen/cmd/internal/engines").Ident(name)
}

func emit(module, dir, doc string, v view, sources ...string) ([]plan.File, error) {
	f := gofile.New(dir+"/main.go", gofile.Package{Path: module + "/" + dir, Name: "main"}, sources...)
	f.Reserve("app")
	f.Doc(doc)
	f.Template(templates.Lookup("main.tmpl"), v)
	return source(f)
}

func emitEngines(module string) ([]plan.File, error) {
	dir := "gen/cmd/internal/engines"
	f := gofile.New(dir+"/engines.go", gofile.Package{Path: module + "/" + dir, Name: "engines"})
	f.Reserve("e", "ctx", "url", "path", "to", "log", "dir", "addr", "reg")
	f.Doc("Package engines is what the main packages run on: the drivers of brokers, registries and databases.")
	f.Template(templates.Lookup("engines.tmpl"), view{module: module})
	return source(f)
}

func source(f *gofile.File) ([]plan.File, error) {
	src, err := f.Source()
	if err != nil {
		return nil, err
	}
	return []plan.File{{Path: f.Path(), Content: src, Emitter: Emitter}}, nil
}
