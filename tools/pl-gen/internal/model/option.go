package model

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// optionsPackage holds our annotations. They are read through the descriptors
// that were compiled with the contracts, so pl-gen needs no generated code.
const optionsPackage = "pl.options.v1"

// An option is one annotation, or a message inside of one, with the path that
// leads to its place. The zero option is an absent one: everything in it is
// absent as well.
type option struct {
	msg  protoreflect.Message
	desc protoreflect.Descriptor
	path protoreflect.SourcePath
}

// optionOf returns the annotation of that name on a descriptor.
func optionOf(d protoreflect.Descriptor, name protoreflect.Name) (option, bool) {
	var found option
	d.Options().ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.FullName() != protoreflect.FullName(optionsPackage).Append(name) || fd.Message() == nil {
			return true
		}
		found = option{v.Message(), d, append(optionsPath(d), int32(fd.Number()))}
		return false
	})
	return found, found.msg != nil
}

// optionsPath leads to the options of a descriptor: the last number is the
// field "options" in descriptor.proto.
func optionsPath(d protoreflect.Descriptor) protoreflect.SourcePath {
	path := location(d).Path
	path = path[:len(path):len(path)]
	switch d.(type) {
	case protoreflect.ServiceDescriptor:
		return append(path, 3)
	case protoreflect.MethodDescriptor:
		return append(path, 4)
	case protoreflect.MessageDescriptor:
		return append(path, 7)
	}
	return append(path, 8)
}

func location(d protoreflect.Descriptor) protoreflect.SourceLocation {
	return d.ParentFile().SourceLocations().ByDescriptor(d)
}

func (o option) field(name protoreflect.Name) protoreflect.FieldDescriptor {
	if o.msg == nil {
		return nil
	}
	return o.msg.Descriptor().Fields().ByName(name)
}

func (o option) has(name protoreflect.Name) bool {
	fd := o.field(name)
	return fd != nil && o.msg.Has(fd)
}

func (o option) text(name protoreflect.Name) string {
	if fd := o.field(name); fd != nil && fd.Kind() == protoreflect.StringKind && !fd.IsList() {
		return o.msg.Get(fd).String()
	}
	return ""
}

func (o option) truth(name protoreflect.Name) bool {
	fd := o.field(name)
	return fd != nil && fd.Kind() == protoreflect.BoolKind && o.msg.Get(fd).Bool()
}

func (o option) number(name protoreflect.Name) *float64 {
	if fd := o.field(name); fd != nil && fd.Kind() == protoreflect.DoubleKind && o.msg.Has(fd) {
		n := o.msg.Get(fd).Float()
		return &n
	}
	return nil
}

func (o option) count(name protoreflect.Name) uint32 {
	if fd := o.field(name); fd != nil && fd.Kind() == protoreflect.Uint32Kind {
		return uint32(o.msg.Get(fd).Uint())
	}
	return 0
}

func (o option) symbol(name protoreflect.Name) protoreflect.Name {
	fd := o.field(name)
	if fd == nil || fd.Kind() != protoreflect.EnumKind {
		return ""
	}
	if v := fd.Enum().Values().ByNumber(o.msg.Get(fd).Enum()); v != nil {
		return v.Name()
	}
	return ""
}

// A textAt is one element of a list of strings, with its place.
type textAt struct {
	text string
	pos  Pos
}

func (o option) texts(name protoreflect.Name) []textAt {
	fd := o.field(name)
	if fd == nil || fd.Kind() != protoreflect.StringKind || !fd.IsList() {
		return nil
	}
	list := o.msg.Get(fd).List()
	texts := make([]textAt, list.Len())
	for i := range texts {
		texts[i] = textAt{list.Get(i).String(), o.at(int32(fd.Number()), int32(i))}
	}
	return texts
}

// message returns a message inside of the option; ok is false when it is
// absent.
func (o option) message(name protoreflect.Name) (m option, ok bool) {
	fd := o.field(name)
	if fd == nil || fd.Message() == nil || fd.IsList() || !o.msg.Has(fd) {
		return option{}, false
	}
	return option{o.msg.Get(fd).Message(), o.desc, o.join(int32(fd.Number()))}, true
}

func (o option) messages(name protoreflect.Name) []option {
	fd := o.field(name)
	if fd == nil || fd.Message() == nil || !fd.IsList() {
		return nil
	}
	list := o.msg.Get(fd).List()
	options := make([]option, list.Len())
	for i := range options {
		options[i] = option{list.Get(i).Message(), o.desc, o.join(int32(fd.Number()), int32(i))}
	}
	return options
}

func (o option) join(more ...int32) protoreflect.SourcePath {
	return append(o.path[:len(o.path):len(o.path)], more...)
}

// pos is where the option stands, and posOf where one of its fields does.
func (o option) pos() Pos { return o.at() }

func (o option) posOf(name protoreflect.Name) Pos {
	if fd := o.field(name); fd != nil {
		return o.at(int32(fd.Number()))
	}
	return o.pos()
}

// at returns the place of a path inside the option, or of the nearest thing
// around it that has a place.
func (o option) at(more ...int32) Pos {
	locations := o.desc.ParentFile().SourceLocations()
	for path := o.join(more...); len(path) > 0; path = path[:len(path)-1] {
		if loc := locations.ByPath(path); loc.Path != nil {
			return posAt(o.desc, loc)
		}
	}
	return posOf(o.desc)
}

func posAt(d protoreflect.Descriptor, loc protoreflect.SourceLocation) Pos {
	return Pos{File: source.ProtoRoot + "/" + d.ParentFile().Path(), Line: loc.StartLine + 1, Col: loc.StartColumn + 1}
}

// posOf is where a descriptor's name stands, or its declaration begins.
func posOf(d protoreflect.Descriptor) Pos {
	loc := location(d)
	const nameField = 1
	name := append(loc.Path[:len(loc.Path):len(loc.Path)], nameField)
	if at := d.ParentFile().SourceLocations().ByPath(name); at.Path != nil {
		return posAt(d, at)
	}
	return posAt(d, loc)
}

// doc is the comment before a declaration, without the space that each of its
// lines begins with.
func doc(d protoreflect.Descriptor) string {
	lines := strings.Split(location(d).LeadingComments, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(l, " "), " \t")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
