// Package reads finds out from the source of a consumer which fields of an
// event it reads. It looks at syntax alone, so it works on any commit without
// building it.
package reads

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// A Use is what a handler does with its event.
type Use struct {
	// Pos is where the handler is declared, "services/x/on_y.go:12".
	Pos string
	// Fields are the Go selectors read, such as "Course.Title", sorted.
	Fields []string
	// Whole is true when the event is also used as a whole in a way that this
	// package does not follow, so that any field may be read.
	Whole bool
}

// Of returns what the handler of a context does with its event. Functions of
// the same package that get the event are followed. ok is false when there is
// no such handler in fsys.
func Of(fsys fs.FS, context, handler string) (use Use, ok bool, err error) {
	p, err := parse(fsys, path.Join("services", context))
	if err != nil {
		return Use{}, false, err
	}
	f, event := p.handler(handler)
	if f == nil {
		return Use{}, false, nil
	}
	at := p.fset.Position(f.Pos())
	w := &reader{event: event, fields: map[string]bool{}, follows: map[string]bool{}}
	for _, d := range p.funcs {
		w.follows[d.Name.Name] = w.follows[d.Name.Name] || takes(d, event)
	}
	for _, d := range p.funcs {
		w.function(d)
	}
	return Use{Pos: fmt.Sprintf("%s:%d", at.Filename, at.Line), Fields: slices.Sorted(maps.Keys(w.fields)), Whole: w.whole}, true, nil
}

type code struct {
	fset  *token.FileSet
	funcs []*ast.FuncDecl
}

func parse(fsys fs.FS, dir string) (*code, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &code{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the handlers: %w", err)
	}
	p := &code{fset: token.NewFileSet()}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		name := path.Join(dir, e.Name())
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read the handlers: %w", err)
		}
		// A file that does not parse is read as far as it goes.
		file, _ := parser.ParseFile(p.fset, name, text, parser.SkipObjectResolution)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				p.funcs = append(p.funcs, f)
			}
		}
	}
	return p, nil
}

// handler returns the method of that name and the type of its event.
func (p *code) handler(name string) (*ast.FuncDecl, string) {
	for _, f := range p.funcs {
		if f.Recv == nil || f.Name.Name != name || len(f.Type.Params.List) == 0 {
			continue
		}
		last := f.Type.Params.List[len(f.Type.Params.List)-1]
		if event := typeName(last.Type); event != "" {
			return f, event
		}
	}
	return nil, ""
}

// typeName returns "quizv1event.QuizCompleted" for a pointer to such a type,
// and "" for all others.
func typeName(e ast.Expr) string {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return ""
	}
	if sel, ok := star.X.(*ast.SelectorExpr); ok {
		return selector(sel)
	}
	return ""
}

// selector returns a chain of names, "a.b.c", or "".
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x := selector(e.X); x != "" {
			return x + "." + e.Sel.Name
		}
	}
	return ""
}

// A reader collects what is selected from parameters of one type.
type reader struct {
	event  string
	fields map[string]bool
	whole  bool
	// follows has the functions of the package that take the event.
	follows map[string]bool
}

func takes(f *ast.FuncDecl, event string) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool { return typeName(p.Type) == event })
}

func (r *reader) function(f *ast.FuncDecl) {
	for _, param := range f.Type.Params.List {
		if typeName(param.Type) != r.event {
			continue
		}
		for _, name := range param.Names {
			(&variable{reader: r, name: name.Name}).body(f.Body)
		}
	}
}

// A variable is one parameter that holds the event.
type variable struct {
	*reader
	name string
}

func (v *variable) body(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			chain := selector(n)
			if rest, ok := strings.CutPrefix(chain, v.name+"."); ok {
				v.fields[rest] = true
				return false
			}
			if chain != "" {
				return false
			}
		case *ast.CallExpr:
			v.call(n)
			return false
		case *ast.KeyValueExpr:
			v.body(n.Value)
			return false
		case *ast.Ident:
			v.whole = v.whole || n.Name == v.name
		}
		return true
	})
}

// call follows an event into functions of the package: they have a parameter
// of its type, and are read by themselves.
func (v *variable) call(c *ast.CallExpr) {
	sel, method := c.Fun.(*ast.SelectorExpr)
	chain := selector(c.Fun)
	if rest, ok := strings.CutPrefix(chain, v.name+"."); ok {
		if owner, _, deeper := cut(rest); deeper {
			v.fields[owner] = true // a method of a field
		} else {
			v.whole = true // a method of the event
		}
	} else if chain == "" && method {
		v.body(sel.X)
	}
	_, name, _ := cut(chain)
	for _, arg := range c.Args {
		if id, ok := arg.(*ast.Ident); ok && id.Name == v.name && v.follows[name] {
			continue
		}
		v.body(arg)
	}
}

func cut(chain string) (owner, last string, ok bool) {
	i := strings.LastIndexByte(chain, '.')
	if i < 0 {
		return "", chain, false
	}
	return chain[:i], chain[i+1:], true
}

// Fold makes the names of a field equal in Go and in a contract: StudentID and
// studentId.
func Fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
