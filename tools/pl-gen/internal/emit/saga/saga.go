// Package saga emits the typed side of sagas into a context's service package:
// for each an interface that its squad implements, and the definition that the
// engine runs, made of one-line methods between the two.
package saga

import (
	"embed"
	"text/template"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "saga"

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(service.Funcs()).ParseFS(files, "*.tmpl"))

// Emit returns what one context's service package has of its sagas, nothing
// for a context without them. The result depends on nothing but the arguments.
func Emit(module string, c *model.Context) ([]plan.File, error) {
	if c.Service == nil || len(c.Sagas) == 0 {
		return nil, nil
	}
	all := contextView{module: module, Clients: len(c.Calls) > 0, Calling: calling(c)}
	var out []plan.File
	for _, s := range c.Sagas {
		v := newView(module, s)
		all.Sagas = append(all.Sagas, v)
		for _, name := range []string{"saga", "steps"} {
			file, err := emitFile(module, c, snake(s.Name)+"."+name+".go", name+".tmpl", v)
			if err != nil {
				return nil, err
			}
			out = append(out, file)
		}
	}
	file, err := emitFile(module, c, "sagas.go", "sagas.tmpl", all)
	return append(out, file), err
}

func emitFile(module string, c *model.Context, name, tmpl string, v any) (plan.File, error) {
	f := gofile.New("gen/service/"+c.Name+"/"+name, service.Package(module, c.Name), c.Service.File)
	f.Reserve("ctx", "core", "clients", "key", "req", "state", "cause", "outcome", "info")
	f.Template(templates.Lookup(tmpl), v)
	src, err := f.Source()
	return plan.File{Path: f.Path(), Content: src, Emitter: Emitter}, err
}
