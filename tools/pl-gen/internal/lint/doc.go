package lint

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

const whyDocs = "generated code and documentation take their words from the contract"

// schemaDocs reports a type, or a field of it, without a doc.
func (c *checker) schemaDocs(s *avro.Schema) {
	if s.Name != "" && strings.TrimSpace(s.Doc) == "" && s.Kind != avro.Fixed {
		c.report(diag.New(diag.DocMissing, s.NamePos, fmt.Sprintf("%s %s has no doc", s.Kind, s.Name)).Because(
			whyDocs, `add "doc": "…", a sentence that says what it stands for`))
	}
	for _, f := range s.Fields {
		if strings.TrimSpace(f.Doc) == "" {
			c.report(diag.New(diag.DocMissing, f.NamePos, fmt.Sprintf("field %s.%s has no doc", s.Name, f.Name)).Because(
				whyDocs, `add "doc": "…", a sentence that says what it stands for`))
		}
	}
}

// protoDocs reports declarations of a proto that have no comment.
func (c *checker) protoDocs(p *source.Proto) {
	d := documented{c: c, file: p}
	for i := range p.File.Services().Len() {
		d.service(p.File.Services().Get(i))
	}
	for i := range p.File.Messages().Len() {
		d.message(p.File.Messages().Get(i))
	}
	for i := range p.File.Enums().Len() {
		d.enum(p.File.Enums().Get(i))
	}
}

type documented struct {
	c    *checker
	file *source.Proto
}

func (d documented) need(kind string, x protoreflect.Descriptor) {
	loc := d.file.File.SourceLocations().ByDescriptor(x)
	if strings.TrimSpace(loc.LeadingComments) != "" || strings.TrimSpace(loc.TrailingComments) != "" {
		return
	}
	pos := diag.Pos{File: d.file.Path, Line: loc.StartLine + 1, Col: loc.StartColumn + 1}
	name := strings.TrimPrefix(string(x.FullName()), string(d.file.File.Package())+".")
	d.c.report(diag.New(diag.DocMissing, pos, fmt.Sprintf("%s %s has no comment", kind, name)).Because(
		whyDocs, "add a comment above it, a sentence that says what it stands for"))
}

func (d documented) service(s protoreflect.ServiceDescriptor) {
	d.need("service", s)
	for i := range s.Methods().Len() {
		d.need("call", s.Methods().Get(i))
	}
}

func (d documented) message(m protoreflect.MessageDescriptor) {
	if m.IsMapEntry() {
		return
	}
	d.need("message", m)
	for i := range m.Fields().Len() {
		d.need("field", m.Fields().Get(i))
	}
	for i := range m.Messages().Len() {
		d.message(m.Messages().Get(i))
	}
	for i := range m.Enums().Len() {
		d.enum(m.Enums().Get(i))
	}
}

func (d documented) enum(e protoreflect.EnumDescriptor) {
	d.need("enum", e)
	for i := range e.Values().Len() {
		d.need("value", e.Values().Get(i))
	}
}
