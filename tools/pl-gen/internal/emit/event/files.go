package event

import (
	"fmt"
	"path"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// files returns what makes each file of the package: its doc, and for each
// contract file one that people read and one that machines run.
func (p *goPackage) files() []func() *gofile.File {
	list := []func() *gofile.File{p.docFile}
	for _, u := range p.units {
		list = append(list, u.typesFile)
		if u.hasCodec() {
			list = append(list, u.codecFile)
		}
	}
	return list
}

// hasCodec is false for a shared fixed type, whose bytes are the wire's.
func (u *unit) hasCodec() bool {
	return u.root.schema.Kind != avro.Fixed || u.root.schema.LogicalType == "duration"
}

func (p *goPackage) docFile() *gofile.File {
	sources := make([]string, len(p.units))
	for i, u := range p.units {
		sources[i] = u.source
	}
	f := gofile.New(path.Join(p.dir, "doc.go"), p.Package, sources...)
	if p.context == sharedContext {
		f.Doc(fmt.Sprintf("Package %s holds the records that events of several contexts share, version %s.", p.Name, p.version[1:]))
		return f
	}
	f.Doc(fmt.Sprintf("Package %s holds the events of the %s context, version %s: their types, topics and codecs.",
		p.Name, p.context, p.version[1:]))
	return f
}

func (u *unit) file(kind string) *gofile.File {
	f := gofile.New(path.Join(u.pkg.dir, u.name+"."+kind+".go"), u.pkg.Package, u.source)
	f.Reserve("b", "e", "i", "k", "n", "r", "u", "v", "w", "batch", "data", "events", "out")
	return f
}

// typesFile is what people read.
func (u *unit) typesFile() *gofile.File {
	f := u.file("event")
	if u.event != nil {
		u.description(f)
	}
	for _, n := range u.types {
		n.declaration(f)
	}
	for _, n := range u.unions {
		n.declaration(f)
	}
	return f
}

// codecFile is what machines run.
func (u *unit) codecFile() *gofile.File {
	f := u.file("codec")
	f.P("// Generated code of generation 1 needs a runtime that accepts it.")
	f.P("const _ = ", wirePackage.Ident("AcceptsGeneration1"))
	if u.event != nil {
		u.message(f)
	}
	c := &codec{File: f}
	for _, n := range u.types {
		c.named(n)
	}
	for _, n := range u.unions {
		c.union(n)
	}
	return f
}

// sharedContext is the directory of shared records.
const sharedContext = "common"
