package model

import (
	"fmt"
	"path"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

func (b *builder) protos() {
	for _, p := range b.set.Proto {
		name, ok := b.protoPlace(p)
		switch {
		case !ok:
		case p.File == nil:
			b.broken[name] = true
		default:
			b.protoFile(p, name)
		}
	}
}

// protoPlace returns the context whose proto it is; the options and files
// outside of contracts/proto/pl have none.
func (b *builder) protoPlace(p *source.Proto) (string, bool) {
	parts := strings.Split(p.ImportPath(), "/")
	if parts[0] != "pl" || len(parts) > 1 && parts[1] == "options" {
		return "", false
	}
	pos := diag.Pos{File: p.Path, Line: 1, Col: 1}
	if len(parts) != 4 {
		b.protoPath(pos, "the file is not in contracts/proto/pl/<context>/v<N>", "move the file")
		return "", false
	}
	if _, ok := version(parts[2]); !ok {
		b.protoPath(pos, fmt.Sprintf("the version directory is %q, not v1, v2 and so on", parts[2]), "rename the directory")
		return "", false
	}
	if !contextPattern.MatchString(parts[1]) || reserved(parts[1]) {
		b.badContext(parts[1], pos)
		return "", false
	}
	return parts[1], true
}

func (b *builder) badContext(name string, pos Pos) {
	cause := "a context's name is 2 to 40 lower-case letters and digits, because it becomes part of topics, Go packages and database names"
	if reserved(name) {
		cause = "the name is a reserved word of Go, or taken by a directory or package of the platform"
	}
	b.report(diag.New(diag.ContextName, pos, fmt.Sprintf("%q cannot be the name of a context", name)).Because(
		cause, "rename the directory, for example to \"library\""))
}

func (b *builder) protoPath(pos Pos, message, fix string) {
	b.report(diag.New(diag.ProtoPath, pos, message).Because(
		"package, Go package and context follow from the directory, so that each can be found from the others", fix))
}

func (b *builder) protoFile(p *source.Proto, name string) {
	dir := path.Dir(p.ImportPath())
	if want := strings.ReplaceAll(dir, "/", "."); string(p.File.Package()) != want {
		b.protoPath(b.filePos(p, 2), fmt.Sprintf("the package is %q, not %q", p.File.Package(), want), "write package "+want+";")
		return
	}
	goPackage := fmt.Sprintf("%s/gen/proto/%s;%s", b.model.Module, dir, name+path.Base(dir))
	if got := goPackageOf(p.File); got != goPackage {
		b.protoPath(b.filePos(p, 8, 11), fmt.Sprintf("go_package is %q, not %q", got, goPackage),
			fmt.Sprintf("write option go_package = %q;", goPackage))
		return
	}
	c := b.context(name, diag.Pos{File: p.Path, Line: 1, Col: 1})
	for i := range p.File.Services().Len() {
		b.service(c, p, p.File.Services().Get(i))
	}
	b.entities(c, p.File.Messages())
	b.fieldOptions(p.File.Messages())
}

// filePos is the place of a path in a file, or the file's beginning.
func (b *builder) filePos(p *source.Proto, at ...int32) Pos {
	if loc := p.File.SourceLocations().ByPath(at); loc.Path != nil {
		return Pos{File: p.Path, Line: loc.StartLine + 1, Col: loc.StartColumn + 1}
	}
	return Pos{File: p.Path, Line: 1, Col: 1}
}

func goPackageOf(f protoreflect.FileDescriptor) string {
	opts, ok := f.Options().(*descriptorpb.FileOptions)
	if !ok {
		return ""
	}
	return opts.GetGoPackage()
}

// message names a proto message as protoc-gen-go does.
func message(d protoreflect.MessageDescriptor) *Message {
	importPath, _, _ := strings.Cut(goPackageOf(d.ParentFile()), ";")
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return &Message{GoName: goCamel(name), ImportPath: importPath, Desc: d}
}
