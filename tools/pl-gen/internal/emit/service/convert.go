package service

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// printConversions prints, for each entity and each of its enums, functions
// from what the database holds to what the contract shows, and back.
func (v *view) printConversions(f *gofile.File) {
	p := &conversions{File: f, view: v}
	f.Reserve("e", "list", "out", "v", "t", "m", "create")
	optionalTime := false
	for _, e := range v.context.Entities {
		p.entity(e)
		p.setter(e)
		for _, c := range e.Fields {
			if c.Desc.Enum() != nil && !c.Desc.IsList() && !c.Desc.IsMap() {
				p.enum(e, c)
			}
			optionalTime = optionalTime || c.Optional && entity.IsTimestamp(c.Desc)
		}
	}
	if optionalTime {
		p.optionalTime()
	}
}

type conversions struct {
	*gofile.File
	view *view
}

func (p *conversions) entity(e *model.Entity) {
	row := p.view.Ent(e.Name)
	message := messageIdent(e.Message)
	p.Comment(e.Name + "Proto returns a row as the contract shows it.")
	p.P("func ", e.Name, "Proto(e *", row, ") *", message, " {")
	p.P("return &", message, "{")
	for _, c := range e.Fields {
		p.P(GoCamel(c.Name), ": ", p.value(e, c), ",")
	}
	p.P("}")
	p.P("}")
	p.P()
	p.Comment(e.Name + "Protos returns rows as the contract shows them, in the same order.")
	p.P("func ", e.Name, "Protos(list []*", row, ") []*", message, " {")
	p.P("out := make([]*", message, ", len(list))")
	p.P("for i, e := range list {")
	p.P("out[i] = ", e.Name, "Proto(e)")
	p.P("}")
	p.P("return out")
	p.P("}")
	p.P()
}

// setter prints the way back: from what the contract shows to a new row.
func (p *conversions) setter(e *model.Entity) {
	create := p.view.Ent(e.Name + "Create")
	p.Comment("Set" + e.Name + " sets the columns of a new row to what a message of the contract says. Times that the message lacks stay unset, and lose what is below a microsecond.")
	p.P("func Set", e.Name, "(create *", create, ", m *", messageIdent(e.Message), ") *", create, " {")
	var later []*model.Column
	p.P("create.")
	for i, c := range e.Fields {
		if entity.IsTimestamp(c.Desc) && !c.Desc.IsList() || c.Optional && c.Desc.Enum() != nil {
			later = append(later, c)
			continue
		}
		end := "."
		if i == p.lastDirect(e) {
			end = ""
		}
		p.P("Set", p.assignment(e, c), end)
	}
	for _, c := range later {
		p.setLater(e, c)
	}
	p.P("return create")
	p.P("}")
	p.P()
}

// lastDirect is the index of the last column that is set in one chain; the
// primary key always is.
func (p *conversions) lastDirect(e *model.Entity) int {
	last := 0
	for i, c := range e.Fields {
		if !entity.IsTimestamp(c.Desc) && !(c.Optional && c.Desc.Enum() != nil) {
			last = i
		}
	}
	return last
}

func (p *conversions) assignment(e *model.Entity, c *model.Column) string {
	name, get := entity.FieldName(c.Name), "m.Get"+GoCamel(c.Name)+"()"
	single := !c.Desc.IsList() && !c.Desc.IsMap()
	switch {
	case single && c.Desc.Enum() != nil:
		return name + "(" + enumFunc(e, c) + "(" + get + "))"
	case single && c.Optional && c.Desc.Kind() != protoreflect.BytesKind:
		return "Nillable" + name + "(m." + GoCamel(c.Name) + ")"
	}
	return name + "(" + get + ")"
}

func (p *conversions) setLater(e *model.Entity, c *model.Column) {
	name := GoCamel(c.Name)
	if c.Desc.Enum() != nil {
		p.P("if m.", name, " != nil {")
		p.P("create.Set", entity.FieldName(c.Name), "(", enumFunc(e, c), "(m.Get", name, "()))")
	} else {
		p.P("if t := m.Get", name, "(); t != nil {")
		p.P("create.Set", entity.FieldName(c.Name), "(t.AsTime().Truncate(", p.Ident("time", "Microsecond"), "))")
	}
	p.P("}")
}

func (p *conversions) value(e *model.Entity, c *model.Column) string {
	from := "e." + entity.FieldName(c.Name)
	switch {
	case c.Desc.IsList(), c.Desc.IsMap():
		return from
	case entity.IsTimestamp(c.Desc) && c.Optional:
		return "optionalTime(" + from + ")"
	case entity.IsTimestamp(c.Desc):
		return p.Ident("google.golang.org/protobuf/types/known/timestamppb", "New") + "(" + from + ")"
	case c.Desc.Enum() != nil && c.Optional:
		return "optional" + enumFunc(e, c) + "Proto(" + from + ")"
	case c.Desc.Enum() != nil:
		return enumFunc(e, c) + "Proto(" + from + ")"
	}
	return from
}

// enumFunc is the name of the conversion to the stored form: entity and field.
func enumFunc(e *model.Entity, c *model.Column) string { return e.Name + entity.FieldName(c.Name) }

func (p *conversions) enum(e *model.Entity, c *model.Column) {
	d := c.Desc.Enum()
	stored := p.entityPackage(e).Ident(entity.FieldName(c.Name))
	contract := messagePackage(e.Message.ImportPath).Ident(enumGoName(d))
	name := enumFunc(e, c)

	p.Comment(name + " returns the stored form of an enum. A number that the contract does not know gives a value that the database layer refuses.")
	p.P("func ", name, "(v ", contract, ") ", stored, " {")
	p.P("switch v {")
	for _, value := range entity.EnumValues(d) {
		p.P("case ", p.enumConst(e, d, value), ":")
		p.P("return ", p.storedConst(e, c, value))
	}
	p.P("}")
	p.P("return ", stored, "(v.String())")
	p.P("}")
	p.P()
	p.Comment(name + "Proto returns an enum as the contract shows it.")
	p.P("func ", name, "Proto(v ", stored, ") ", contract, " {")
	p.P("switch v {")
	for _, value := range entity.EnumValues(d)[1:] {
		p.P("case ", p.storedConst(e, c, value), ":")
		p.P("return ", p.enumConst(e, d, value))
	}
	p.P("}")
	p.P("return ", p.enumConst(e, d, entity.EnumValues(d)[0]))
	p.P("}")
	p.P()
	if c.Optional {
		p.optionalEnum(name, stored, contract)
	}
}

func (p *conversions) optionalEnum(name string, stored, contract gofile.Ident) {
	p.P("func optional", name, "Proto(v *", stored, ") *", contract, " {")
	p.P("if v == nil {")
	p.P("return nil")
	p.P("}")
	p.P("return ", name, "Proto(*v).Enum()")
	p.P("}")
	p.P()
}

func (p *conversions) entityPackage(e *model.Entity) gofile.Package {
	name := entity.PackageName(e.Name)
	return gofile.Package{Path: EntPackage(p.view.module, p.view.context.Name).Path + "/" + name, Name: name}
}

func (p *conversions) storedConst(e *model.Entity, c *model.Column, v entity.EnumValue) string {
	return p.Qualify(p.entityPackage(e).Ident(entity.FieldName(c.Name) + v.Name))
}

func (p *conversions) enumConst(e *model.Entity, d protoreflect.EnumDescriptor, v entity.EnumValue) string {
	scope := enumGoName(d)
	if parent, ok := d.Parent().(protoreflect.MessageDescriptor); ok {
		scope = nestedGoName(parent)
	}
	return p.Qualify(messagePackage(e.Message.ImportPath).Ident(scope + "_" + v.Proto))
}

func (p *conversions) optionalTime() {
	time := p.Ident("time", "Time")
	stamp := p.Ident("google.golang.org/protobuf/types/known/timestamppb", "Timestamp")
	p.P("func optionalTime(t *", time, ") *", stamp, " {")
	p.P("if t == nil {")
	p.P("return nil")
	p.P("}")
	p.P("return ", p.Ident("google.golang.org/protobuf/types/known/timestamppb", "New"), "(*t)")
	p.P("}")
}

func enumGoName(d protoreflect.EnumDescriptor) string { return nestedGoName(d) }

// nestedGoName is the Go name of a message or enum: protoc-gen-go joins the
// names of nested types with underscores.
func nestedGoName(d protoreflect.Descriptor) string {
	name := GoCamel(string(d.Name()))
	if parent, ok := d.Parent().(protoreflect.MessageDescriptor); ok {
		return nestedGoName(parent) + "_" + name
	}
	return name
}

// GoCamel returns the name that protoc-gen-go gives to a field: words begin in
// upper case, and an underscore stays before anything but a lower-case letter.
func GoCamel(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '_' && i+1 < len(name) && isLower(name[i+1]):
			continue
		case isLower(c) && startsWord(name, i):
			b.WriteByte(c - 'a' + 'A')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func startsWord(name string, i int) bool {
	return i == 0 || !isLower(name[i-1]) && !isUpper(name[i-1])
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
