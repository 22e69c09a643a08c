package scaffold

import (
	"cmp"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// serviceType is the type in services/<context> that has the handlers.
const serviceType = "Service"

// A serviceCode is what people wrote for one context.
type serviceCode struct {
	// hasType and hasNew tell whether the package declares Service and New.
	hasType, hasNew bool
	// methods are the methods of Service, by name.
	methods map[string]method
	// types are the declared types, and others the methods of all but Service,
	// by type and name.
	types  map[string]bool
	others map[string]map[string]method
	// broken is set when a file could not be parsed, so methods may be
	// missing that are there.
	broken bool
}

type method struct {
	pos diag.Pos
	// handler tells whether its signature is a handler's: it takes the
	// context's Tx, Reader or Call, or is a fallback.
	handler bool
}

// readService reads the Go files of services/<context>. A directory that does
// not exist is a package without declarations.
func readService(root fs.FS, c *model.Context) (*serviceCode, error) {
	code := &serviceCode{methods: map[string]method{}, types: map[string]bool{}, others: map[string]map[string]method{}}
	dir := serviceDir(c.Name)
	entries, err := fs.ReadDir(root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return code, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		if err := code.read(root, path.Join(dir, e.Name()), c.Name); err != nil {
			return nil, err
		}
	}
	return code, nil
}

func (code *serviceCode) read(root fs.FS, name, context string) error {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		code.broken = true
	}
	if f == nil {
		return nil
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			code.declare(d)
		case *ast.FuncDecl:
			code.function(set, d, context+"service")
		}
	}
	return nil
}

func (code *serviceCode) declare(d *ast.GenDecl) {
	for _, s := range d.Specs {
		if t, ok := s.(*ast.TypeSpec); ok {
			code.types[t.Name.Name] = true
		}
	}
	code.hasType = code.types[serviceType]
}

func (code *serviceCode) function(set *token.FileSet, d *ast.FuncDecl, servicePackage string) {
	if d.Recv == nil {
		code.hasNew = code.hasNew || d.Name.Name == "New"
		return
	}
	p := set.Position(d.Name.Pos())
	m := method{pos: diag.Pos{File: p.Filename, Line: p.Line, Col: p.Column}}
	if r := receiver(d); r != serviceType {
		m.handler = d.Name.IsExported() && takesContext(d.Type)
		if code.others[r] == nil {
			code.others[r] = map[string]method{}
		}
		code.others[r][d.Name.Name] = m
		return
	}
	m.handler = d.Name.IsExported() && (takesUnit(d.Type, servicePackage) || isFallback(d))
	code.methods[d.Name.Name] = m
}

// takesContext reports whether the first parameter is a context.Context.
func takesContext(t *ast.FuncType) bool {
	if len(t.Params.List) == 0 {
		return false
	}
	sel, ok := t.Params.List[0].Type.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Context"
}

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// isFallback reports whether a method has the name and the last parameter,
// cause error, of one that answers a call of another context.
func isFallback(d *ast.FuncDecl) bool {
	if !strings.HasPrefix(d.Name.Name, "Fallback") || d.Type.Params.NumFields() != 3 {
		return false
	}
	last, ok := d.Type.Params.List[len(d.Type.Params.List)-1].Type.(*ast.Ident)
	return ok && last.Name == "error"
}

// takesUnit reports whether the second parameter is the context's Tx, Reader
// or Call.
func takesUnit(t *ast.FuncType, servicePackage string) bool {
	if t.Params.NumFields() < 2 || len(t.Params.List) < 2 {
		return false
	}
	star, ok := t.Params.List[1].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Tx", "Reader", "Call"}, sel.Sel.Name) {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == servicePackage
}

// handlerNames returns the methods of a context's Handler, in its order.
func handlerNames(c *model.Context) []string {
	var names []string
	for _, m := range c.Service.Methods {
		names = append(names, m.Name)
	}
	for _, k := range c.Consumes {
		names = append(names, k.Handler)
	}
	for _, p := range c.Policies {
		if p.Fallback {
			names = append(names, service.FallbackName(p))
		}
	}
	return names
}

// orphans returns a finding for every handler whose contract is gone.
func (code *serviceCode) orphans(c *model.Context) []diag.Diagnostic {
	wanted := handlerNames(c)
	var found []diag.Diagnostic
	for name, m := range code.methods {
		if m.handler && !slices.Contains(wanted, name) {
			found = append(found, diag.New(diag.HandlerOrphan, m.pos, "nothing in the contract of "+c.Name+" calls "+name).Because(
				"the call or event that it handled was removed or renamed, so it never runs",
				"remove the handler, give it the new name, or put the contract back"))
		}
	}
	slices.SortFunc(found, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return found
}

func serviceDir(context string) string { return "services/" + context }
