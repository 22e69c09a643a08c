package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/saga"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// A writer writes the code of one context that belongs to people.
type writer struct {
	root    fs.FS
	module  string
	context *model.Context
	homes   map[*avro.Schema]gofile.Package
	planned []plan.File
}

func newWriter(root fs.FS, m *model.Model, c *model.Context) *writer {
	return &writer{root: root, module: m.Module, context: c, homes: homes(m)}
}

// missing plans what the package lacks: Service, New, a file for each handler,
// which print fills, and one for each saga, whose methods step prints.
func (w *writer) missing(code *serviceCode, print func(s *goFile, h handler), step func(f *goFile, s *model.Saga, m saga.Method)) error {
	if err := w.service(code); err != nil {
		return err
	}
	for _, h := range w.handlers() {
		if _, ok := code.methods[h.name]; ok {
			continue
		}
		s := w.file(w.context.Name)
		print(s, h)
		if err := w.add(w.free(fileName(h.name)), s); err != nil {
			return err
		}
	}
	return w.sagas(code, step)
}

func (w *writer) service(code *serviceCode) error {
	if code.hasType && code.hasNew {
		return nil
	}
	s := w.file(w.context.Name)
	if len(code.methods) == 0 && !code.hasType {
		s.doc = "Package " + w.context.Name + " implements the context " + w.context.Name + ": its calls, and the events that it consumes."
	}
	if !code.hasType {
		s.p("// Service implements the handlers of the context.")
		s.p("type Service struct{}")
		s.p("")
	}
	if !code.hasNew {
		s.p("// New returns the service.")
		s.p("func New() *Service { return &Service{} }")
	}
	return w.add(w.free("service.go"), s)
}

func (w *writer) add(name string, s *goFile) error {
	content, err := s.bytes()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.planned = append(w.planned, plan.File{Path: name, Content: content, Emitter: Emitter, Ownership: plan.Scaffolded})
	return nil
}

// free returns a path in the package that no file has.
func (w *writer) free(name string) string {
	base, ending := strings.TrimSuffix(name, ".go"), ".go"
	if test, ok := strings.CutSuffix(base, "_test"); ok {
		base, ending = test, "_test.go"
	}
	for n := 2; w.taken(path.Join(serviceDir(w.context.Name), name)); n++ {
		name = fmt.Sprintf("%s_%d%s", base, n, ending)
	}
	return path.Join(serviceDir(w.context.Name), name)
}

func (w *writer) taken(name string) bool {
	_, err := fs.Stat(w.root, name)
	return !errors.Is(err, fs.ErrNotExist) || slices.ContainsFunc(w.planned, func(f plan.File) bool { return f.Path == name })
}

// fileName is the file of a handler: on_quiz_completed.go. Endings that the go
// command would read as a platform or a test get company.
func fileName(handler string) string {
	name := snake(handler)
	_, last, _ := cutLast(name, "_")
	if last == "test" || knownPlatforms[last] {
		name += "_handler"
	}
	return name + ".go"
}

// knownPlatforms are the endings of file names that are build constraints.
var knownPlatforms = set("aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows " +
	"386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// snake turns upper camel case into snake case: "GetLoan" to "get_loan".
func snake(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && (!isUpper(name[i-1]) || i+1 < len(name) && isLower(name[i+1])) {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// A handler is a method of the context's Handler. One of call, consumer and
// fallback is set.
type handler struct {
	name     string
	call     *model.Method
	consumer *model.Consumer
	fallback *model.Policy
}

func (w *writer) handlers() []handler {
	var list []handler
	for _, m := range w.context.Service.Methods {
		list = append(list, handler{name: m.Name, call: m})
	}
	for _, k := range w.context.Consumes {
		list = append(list, handler{name: k.Handler, consumer: k})
	}
	for _, p := range w.context.Policies {
		if p.Fallback {
			list = append(list, handler{name: service.FallbackName(p), fallback: p})
		}
	}
	return list
}

// A goFile is a Go file that belongs to people: it has no marker, and its
// imports are those that its text names.
type goFile struct {
	module  string
	pkg     string
	doc     string
	imports map[string]string // path to name
	body    bytes.Buffer
}

func (w *writer) file(pkg string) *goFile {
	return &goFile{module: w.module, pkg: pkg, imports: map[string]string{}}
}

func (s *goFile) p(format string, args ...any) { fmt.Fprintf(&s.body, format+"\n", args...) }

// use imports a package and returns the name that it has in the file.
func (s *goFile) use(p gofile.Package) string {
	s.imports[p.Path] = p.Name
	return p.Name
}

// lib is use for a package whose name follows from its path.
func (s *goFile) lib(importPath string) string { return s.use(gofile.PackageAt(importPath)) }

// platform is lib for a package under platform.
func (s *goFile) platform(dir string) string { return s.lib(s.module + "/platform/" + dir) }

func (s *goFile) bytes() ([]byte, error) {
	var out bytes.Buffer
	if s.doc != "" {
		out.WriteString("// " + s.doc + "\n")
	}
	out.WriteString("package " + s.pkg + "\n\n")
	s.printImports(&out)
	out.Write(s.body.Bytes())
	return format.Source(out.Bytes())
}

// printImports prints the standard library, other modules, and this module.
func (s *goFile) printImports(out *bytes.Buffer) {
	if len(s.imports) == 0 {
		return
	}
	var groups [3][]string
	for p, name := range s.imports {
		spec := fmt.Sprintf("%q", p)
		if name != path.Base(p) && gofile.PackageAt(p).Name != name {
			spec = name + " " + spec
		}
		groups[s.group(p)] = append(groups[s.group(p)], spec)
	}
	out.WriteString("import (\n")
	for _, g := range groups {
		slices.SortFunc(g, func(a, b string) int { return strings.Compare(importPath(a), importPath(b)) })
		for _, spec := range g {
			out.WriteString("\t" + spec + "\n")
		}
		out.WriteString("\n")
	}
	out.WriteString(")\n\n")
}

func importPath(spec string) string { return spec[strings.IndexByte(spec, '"'):] }

func (s *goFile) group(p string) int {
	first, _, _ := strings.Cut(p, "/")
	switch {
	case strings.HasPrefix(p, s.module+"/"):
		return 2
	case strings.Contains(first, "."):
		return 1
	}
	return 0
}

// servicePackage is the context's generated service package.
func (w *writer) servicePackage() gofile.Package { return service.Package(w.module, w.context.Name) }
