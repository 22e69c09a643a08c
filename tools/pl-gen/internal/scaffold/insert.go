package scaffold

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
)

// A protoFile is a proto that text is inserted into. Everything else in it
// stays as people wrote it.
type protoFile struct {
	text []byte
	node *ast.FileNode
	// inserts are what to insert, by offset.
	inserts []insert
}

type insert struct {
	at   int
	text string
}

func parseProto(name string, text []byte) (*protoFile, error) {
	node, err := parser.Parse(name, bytes.NewReader(text), reporter.NewHandler(nil))
	if err != nil {
		return nil, err
	}
	return &protoFile{text: text, node: node}, nil
}

// bytes returns the text with what was inserted.
func (f *protoFile) bytes() []byte {
	slices.SortStableFunc(f.inserts, func(a, b insert) int { return a.at - b.at })
	var out bytes.Buffer
	last := 0
	for _, i := range f.inserts {
		out.Write(f.text[last:i.at])
		out.WriteString(i.text)
		last = i.at
	}
	out.Write(f.text[last:])
	return out.Bytes()
}

func (f *protoFile) insert(at int, text string) { f.inserts = append(f.inserts, insert{at, text}) }

func (f *protoFile) start(n ast.Node) int { return f.node.NodeInfo(n).Start().Offset }
func (f *protoFile) end(n ast.Node) int   { return f.start(n) + len(f.node.NodeInfo(n).RawText()) }

func (f *protoFile) service(name string) *ast.ServiceNode {
	for _, d := range f.node.Decls {
		if s, ok := d.(*ast.ServiceNode); ok && s.Name.Val == name {
			return s
		}
	}
	return nil
}

// wire adds a field to the context annotation of a service: behind the last
// one of that name, or at the end.
func (f *protoFile) wire(service, field, value string) error {
	s := f.service(service)
	if s == nil {
		return fmt.Errorf("service %s is not in the file", service)
	}
	for _, d := range s.Decls {
		o, ok := d.(*ast.OptionNode)
		if !ok || !strings.HasSuffix(optionName(o), "pl.options.v1.context") {
			continue
		}
		literal, ok := o.Val.(*ast.MessageLiteralNode)
		if !ok {
			return fmt.Errorf("option (pl.options.v1.context) of %s is no { … }", service)
		}
		f.wireLiteral(literal, field, field+": "+value)
		return nil
	}
	return fmt.Errorf("service %s has no option (pl.options.v1.context)", service)
}

func optionName(o *ast.OptionNode) string {
	var parts []string
	for _, p := range o.Name.Parts {
		parts = append(parts, string(p.Name.AsIdentifier()))
	}
	return strings.Join(parts, ".")
}

func (f *protoFile) wireLiteral(literal *ast.MessageLiteralNode, field, text string) {
	var after *ast.MessageFieldNode
	for _, e := range literal.Elements {
		if after == nil || string(e.Name.Name.AsIdentifier()) == field || string(after.Name.Name.AsIdentifier()) != field {
			after = e
		}
	}
	switch {
	case after == nil:
		f.insert(f.end(literal)-1, text)
	case f.lineOf(f.start(after)) == f.lineOf(f.start(literal)):
		f.insert(f.end(after), ", "+text)
	default:
		f.insert(f.end(after), "\n"+f.indent(f.start(after))+text)
	}
}

func (f *protoFile) lineOf(at int) int { return bytes.Count(f.text[:at], []byte("\n")) }

// indent returns the white space that the line of an offset begins with.
func (f *protoFile) indent(at int) string {
	line := f.text[bytes.LastIndexByte(f.text[:at], '\n')+1 : at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// rpc adds a call at the end of a service, behind a blank line if the calls
// before are so.
func (f *protoFile) rpc(service, text string) error {
	s := f.service(service)
	if s == nil {
		return fmt.Errorf("service %s is not in the file", service)
	}
	if f.spaced(s) {
		text = "\n" + text
	}
	brace := f.start(s.CloseBrace)
	line := bytes.LastIndexByte(f.text[:brace], '\n') + 1
	if len(bytes.TrimSpace(f.text[line:brace])) > 0 { // the brace ends a line
		f.insert(brace, "\n"+text)
		return nil
	}
	f.insert(line, text)
	return nil
}

// spaced reports whether there is a blank line before the last declaration of
// a service.
func (f *protoFile) spaced(s *ast.ServiceNode) bool {
	n := len(s.Decls)
	if n < 2 {
		return n == 1
	}
	return bytes.Contains(f.text[f.end(s.Decls[n-2]):f.start(s.Decls[n-1])], []byte("\n\n"))
}

// message adds a message at the end of the file.
func (f *protoFile) message(text string) {
	if !bytes.HasSuffix(f.text, []byte("\n")) {
		text = "\n" + text
	}
	f.insert(len(f.text), "\n"+text)
}

// declares reports whether the file declares a message, enum or service.
func (f *protoFile) declares(name string) bool {
	return slices.ContainsFunc(f.node.Decls, func(d ast.FileElement) bool {
		switch d := d.(type) {
		case *ast.MessageNode:
			return d.Name.Val == name
		case *ast.EnumNode:
			return d.Name.Val == name
		case *ast.ServiceNode:
			return d.Name.Val == name
		}
		return false
	})
}

// importFile adds an import, before the first one that sorts behind it.
func (f *protoFile) importFile(name string) {
	line := fmt.Sprintf("import %q;\n", name)
	var last ast.Node
	for _, d := range f.node.Decls {
		i, ok := d.(*ast.ImportNode)
		switch {
		case !ok:
			continue
		case i.Name.AsString() == name:
			return
		case i.Name.AsString() > name:
			f.insert(f.start(i), line)
			return
		}
		last = i
	}
	if last == nil {
		for _, d := range f.node.Decls {
			if p, ok := d.(*ast.PackageNode); ok {
				last = p
			}
		}
		line = "\n" + line
	}
	if last != nil {
		f.insert(f.end(last), "\n"+strings.TrimSuffix(line, "\n"))
	}
}
