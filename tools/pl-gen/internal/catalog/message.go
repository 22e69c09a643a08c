package catalog

import (
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

func itoa(n int) string { return strconv.Itoa(n) }

// docOf is the comment before a declaration, unwrapped.
func docOf(d protoreflect.Descriptor) string { return prose(model.Doc(d)) }

// A messageView is a proto message or enum as a section of a page.
type messageView struct {
	ID, Name, Doc string
	Rows          []row
	Symbols       []symbol
}

// A messageLister lists a message and all that it refers to, each once, in the
// order in which a reader meets them.
type messageLister struct {
	rules map[protoreflect.FullName]*model.Message
	seen  map[protoreflect.FullName]bool
	views []messageView
}

// messages returns the views of a request or response; the first is the
// message itself.
func messages(m *model.Message) []messageView {
	l := &messageLister{rules: map[protoreflect.FullName]*model.Message{}, seen: map[protoreflect.FullName]bool{}}
	l.ruled(m)
	l.message(m.Desc)
	return l.views
}

func (l *messageLister) ruled(m *model.Message) {
	if l.rules[m.Desc.FullName()] != nil {
		return
	}
	l.rules[m.Desc.FullName()] = m
	for _, r := range m.Rules {
		if r.Message != nil {
			l.ruled(r.Message)
		}
	}
}

func (l *messageLister) message(d protoreflect.MessageDescriptor) {
	if l.seen[d.FullName()] || wellKnown(d) {
		return
	}
	l.seen[d.FullName()] = true
	at := len(l.views)
	l.views = append(l.views, messageView{ID: anchor(d), Name: string(d.Name()), Doc: docOf(d)})
	var rows []row
	for i := range d.Fields().Len() {
		rows = append(rows, l.field(d.Fields().Get(i)))
	}
	l.views[at].Rows = rows
	for i := range d.Fields().Len() {
		l.referred(d.Fields().Get(i))
	}
}

// referred lists what a field's type refers to.
func (l *messageLister) referred(f protoreflect.FieldDescriptor) {
	if f.IsMap() {
		f = f.MapValue()
	}
	if m := f.Message(); m != nil {
		l.message(m)
	}
	if e := f.Enum(); e != nil && !l.seen[e.FullName()] {
		l.seen[e.FullName()] = true
		l.views = append(l.views, messageView{ID: anchor(e), Name: string(e.Name()), Doc: docOf(e), Symbols: values(e)})
	}
}

func (l *messageLister) field(f protoreflect.FieldDescriptor) row {
	r := row{ID: "field-" + anchor(f), Name: f.JSONName(), Type: protoType(f), Doc: docOf(f), PII: model.PII(f)}
	if m := l.rules[f.ContainingMessage().FullName()]; m != nil {
		if i := slices.IndexFunc(m.Rules, func(r *model.Rule) bool { return r.Field == f }); i >= 0 {
			r.Rules = ruleTexts(m.Rules[i])
		}
	}
	return r
}

// ruleTexts says what a request must satisfy, in words.
func ruleTexts(r *model.Rule) []string {
	var list []string
	if r.Required {
		list = append(list, "required")
	}
	if r.MaxLen > 0 {
		unit := "characters"
		switch {
		case r.Field.IsList(), r.Field.IsMap():
			unit = "elements"
		case r.Field.Kind() == protoreflect.BytesKind:
			unit = "bytes"
		}
		list = append(list, fmt.Sprintf("at most %d %s", r.MaxLen, unit))
	}
	switch {
	case r.Min != nil && r.Max != nil:
		list = append(list, decimal(*r.Min)+" to "+decimal(*r.Max))
	case r.Min != nil:
		list = append(list, "at least "+decimal(*r.Min))
	case r.Max != nil:
		list = append(list, "at most "+decimal(*r.Max))
	}
	return list
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// protoType writes a field's type; messages and enums lead to their section of
// the page.
func protoType(f protoreflect.FieldDescriptor) []part {
	switch {
	case f.IsMap():
		parts := []part{{Text: "map<" + f.MapKey().Kind().String() + ", "}, named(f.MapValue())}
		return append(parts, part{Text: ">"})
	case f.IsList():
		return []part{{Text: "list<"}, named(f), {Text: ">"}}
	case f.HasOptionalKeyword():
		return []part{{Text: "optional "}, named(f)}
	}
	return []part{named(f)}
}

func named(f protoreflect.FieldDescriptor) part {
	if m := f.Message(); m != nil {
		if wellKnown(m) {
			return part{Text: string(m.Name())}
		}
		return part{string(m.Name()), "#" + anchor(m)}
	}
	if e := f.Enum(); e != nil {
		return part{string(e.Name()), "#" + anchor(e)}
	}
	return part{Text: f.Kind().String()}
}

func wellKnown(d protoreflect.Descriptor) bool { return d.ParentFile().Package() == "google.protobuf" }

func anchor(d protoreflect.Descriptor) string { return string(d.FullName()) }

func values(e protoreflect.EnumDescriptor) []symbol {
	var list []symbol
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		list = append(list, symbol{Name: string(v.Name()), Doc: docOf(v)})
	}
	return list
}

// columns are the rows of an entity. Enums lead nowhere: an entity's page has
// no section for them.
func columns(e *model.Entity) []row {
	var rows []row
	for _, c := range e.Fields {
		r := row{ID: "field-" + c.Name, Name: c.Name, Doc: prose(c.Doc), PII: c.PII, Marks: columnMarks(c)}
		for _, p := range protoType(c.Desc) {
			r.Type = append(r.Type, part{Text: p.Text})
		}
		if e := c.Desc.Enum(); e != nil {
			r.Symbols = values(e)
		}
		rows = append(rows, r)
	}
	return rows
}

func columnMarks(c *model.Column) []string {
	var marks []string
	for _, m := range []struct {
		on   bool
		name string
	}{{c.PrimaryKey, "primary key"}, {c.Unique, "unique"}, {c.Index, "indexed"}, {c.Immutable && !c.PrimaryKey, "immutable"}} {
		if m.on {
			marks = append(marks, m.name)
		}
	}
	return marks
}

func columnNames(sets [][]*model.Column) [][]string {
	var list [][]string
	for _, set := range sets {
		var names []string
		for _, c := range set {
			names = append(names, c.Name)
		}
		list = append(list, names)
	}
	return list
}
