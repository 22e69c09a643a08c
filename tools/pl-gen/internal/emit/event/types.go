package event

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// description prints an event's topic and static description.
func (u *unit) description(f *gofile.File) {
	name, e := u.root.goName, u.event
	f.Comment(fmt.Sprintf("%sTopic is the topic of [%s], and its CloudEvents type.", name, name))
	f.P("const ", name, "Topic = ", strconv.Quote(e.Topic))
	f.P()
	f.Comment(fmt.Sprintf("%sType describes [%s] to the platform. It is never changed.", name, name))
	f.P("var ", name, "Type = &", eventPackage.Ident("Type"), "{")
	f.P("Topic: ", name, "Topic,")
	f.P("Context: ", strconv.Quote(e.Context), ",")
	f.P("Schema: ", unexported(name), "Schema,")
	f.P(fmt.Sprintf("Fingerprint: 0x%016x,", e.Fingerprint))
	if e.Key != nil {
		f.P("Key: ", strconv.Quote(e.Key.Name), ",")
	}
	f.P("Partitions: ", e.Partitions, ",")
	f.P("Retention: ", duration(f, e.Retention), ",")
	f.P("Compatibility: ", strconv.Quote(e.Compatibility), ",")
	f.P("Fill: fill", name, ",")
	f.P("}")
	f.P()
}

func duration(f *gofile.File, d time.Duration) string {
	switch {
	case d != 0 && d%time.Hour == 0:
		return fmt.Sprintf("%d * %s", d/time.Hour, f.Ident("time", "Hour"))
	case d != 0 && d%time.Second == 0:
		return fmt.Sprintf("%d * %s", d/time.Second, f.Ident("time", "Second"))
	}
	return strconv.FormatInt(int64(d), 10)
}

// unexported is a type's name at the start of an unexported one.
func unexported(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (n *named) declaration(f *gofile.File) {
	f.Comment(n.comment())
	switch n.schema.Kind {
	case avro.Record:
		n.structType(f)
	case avro.Enum:
		n.enumType(f)
	case avro.Fixed:
		n.fixedType(f)
	}
	f.P()
}

// comment introduces a type in one sentence and adds the contract's doc.
func (n *named) comment() string {
	intro := fmt.Sprintf("%s is %s of [%s].", n.goName, article(n.schema.Kind), n.unit.root.goName)
	switch {
	case n.unit.event != nil && n == n.unit.root:
		intro = fmt.Sprintf("%s is the event %s.", n.goName, n.unit.event.Topic)
	case n == n.unit.root:
		intro = fmt.Sprintf("%s is %s that events share.", n.goName, article(n.schema.Kind))
	}
	if n.schema.Default != "" {
		intro += fmt.Sprintf(" Readers that do not know a symbol read %s.", n.schema.Default)
	}
	return intro + "\n\n" + n.schema.Doc
}

func article(k avro.Kind) string {
	switch k {
	case avro.Enum:
		return "an enum"
	case avro.Fixed:
		return "a fixed type"
	}
	return "a " + k.String()
}

func (n *named) structType(f *gofile.File) {
	f.P("type ", n.goName, " struct {")
	for _, fd := range n.fields {
		f.Comment(fd.comment())
		f.P(fd.goName, " ", goType(f, fd.typ), fmt.Sprintf(" `avro:%q json:%q`", fd.avro.Name, fd.avro.Name))
	}
	f.P("}")
	f.P()
	if n.unit.event != nil && n == n.unit.root {
		n.unit.methods(f)
	}
	if n.sensitive {
		n.redaction(f)
	}
}

func (fd *field) comment() string {
	doc := cmp.Or(strings.TrimSpace(fd.avro.Doc), "The contract says nothing about "+fd.avro.Name+".")
	doc += fd.typ.note()
	if fd.pii != "" {
		doc += " Personal data (" + fd.pii + "), left out of logs."
	}
	return doc
}

// note says what the Go type alone does not.
func (t *typ) note() string {
	switch t.form {
	case formOptional, formSingle:
		return t.elem.note()
	case formUUID:
		return " A UUID as text."
	case formDate:
		return " A calendar date, at midnight UTC."
	case formTimeOfDay:
		return " Time since midnight."
	case formLocalTimestamp:
		return " A local date and time, as if in UTC."
	case formDecimal, formDecimalFixed:
		return fmt.Sprintf(" At most %d digits, %d of them decimal places.", t.schema.Precision, t.schema.Scale)
	}
	return ""
}

func (n *named) enumType(f *gofile.File) {
	f.P("type ", n.goName, " string")
	f.P()
	f.Comment("The symbols of " + n.goName + ". Its zero value is none of them and cannot be published.")
	f.P("const (")
	for i, name := range n.symbols {
		symbol := n.schema.Symbols[i]
		f.Comment(n.schema.SymbolDocs[symbol])
		f.P(name, " ", n.goName, " = ", strconv.Quote(symbol))
	}
	f.P(")")
}

func (n *named) fixedType(f *gofile.File) {
	switch n.schema.LogicalType {
	case "duration":
		f.P("type ", n.goName, " struct {")
		f.P("Months, Days, Millis uint32")
		f.P("}")
	case "uuid":
		f.P("type ", n.goName, " [16]byte")
		f.P()
		f.P("// String returns the UUID's text form, in lower case.")
		f.P("func (v ", n.goName, ") String() string { return ", wirePackage.Ident("FormatUUID"), "(v) }")
	default:
		f.P("type ", n.goName, " [", n.schema.Size, "]byte")
	}
}
