// Package service emits what stands between the runtime and a context's
// handlers: the Handler interface, the Tx and Reader that handlers get, the
// checks of requests, and the registration of it all. The runtime is untyped;
// the types are added here, in one-line methods.
package service

import (
	"embed"
	"text/template"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "service"

// Package returns the package of a context's generated service code, for
// example achievementservice in gen/service/achievement.
func Package(module, context string) gofile.Package {
	return gofile.Package{Path: module + "/gen/service/" + context, Name: context + "service"}
}

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(functions()).ParseFS(files, "*.tmpl"))

func functions() template.FuncMap {
	m := gofile.Funcs()
	ident := m["ident"].(func(path, name string) string)
	m["duration"] = func(d time.Duration) string { return durationText(d, ident) }
	use := m["use"].(func(gofile.Ident) string)
	m["retry"] = func(policy gofile.Ident, r retryView) string { return r.text(use(policy), ident) }
	return m
}

// Emit returns the service package of one context, nothing for a context that
// has no service. The result depends on nothing but the arguments.
func Emit(module string, c *model.Context) ([]plan.File, error) {
	if c.Service == nil {
		return nil, nil
	}
	v := newView(module, c)
	var out []plan.File
	for _, part := range v.parts() {
		f := gofile.New("gen/service/"+c.Name+"/"+part.file, v.pkg, c.Service.File)
		f.Reserve("ctx", "core", "client", "clients", "calls", "call", "server", "app", "req", "events", "running", "plain", "runner")
		part.print(f)
		src, err := f.Source()
		if err != nil {
			return nil, err
		}
		out = append(out, plan.File{Path: f.Path(), Content: src, Emitter: Emitter})
	}
	return out, nil
}

// A part is one file of the package.
type part struct {
	file  string
	print func(*gofile.File)
}

func (v *view) parts() []part {
	parts := []part{
		{"handler.go", v.template("handler.tmpl")},
		{"tx.go", v.template("tx.tmpl")},
		{"register.go", v.template("register.tmpl")},
		{"access.go", v.template("access.tmpl")},
	}
	if len(v.HTTP) > 0 {
		parts = append(parts, part{"runner.go", v.template("runner.tmpl")})
	}
	if checks := v.checks(); len(checks) > 0 {
		parts = append(parts, part{"check.go", func(f *gofile.File) { printChecks(f, checks) }})
	}
	if len(v.context.Entities) > 0 {
		parts = append(parts, part{"convert.go", v.printConversions})
	}
	return parts
}

func (v *view) template(name string) func(*gofile.File) {
	return func(f *gofile.File) {
		if name == "handler.tmpl" {
			f.Doc(v.PackageDoc())
		}
		f.Template(templates.Lookup(name), v)
	}
}
