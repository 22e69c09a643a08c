package event

import (
	"fmt"
	"strconv"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// Marker returns the name of the method that marks the events of a context,
// so that no other context's Tx takes them.
func Marker(context string) string { return "PublishedBy" + gofile.Exported(context) }

// TypeName returns the Go name of a record, enum or fixed type that the
// contract calls name.
func TypeName(name string) string { return typeName(name) }

// methods prints what makes a struct an event.Message, without the codec.
func (u *unit) methods(f *gofile.File) {
	name := u.root.goName
	f.P("// EventType returns [", name, "Type].")
	f.P("func (*", name, ") EventType() *", eventPackage.Ident("Type"), " { return ", name, "Type }")
	f.P()
	u.textMethod(f, "EventKey", "the record key", u.event.Key, "which is empty: the event is unordered")
	u.textMethod(f, "EventSubject", "the CloudEvents subject", u.event.Subject, "which is empty: the contract names none")
	if u.event.Publisher != nil {
		method := Marker(u.event.Publisher.Name)
		f.Comment(fmt.Sprintf("%s marks the event as one that the %s context publishes.", method, u.event.Publisher.Name))
		f.P("func (*", name, ") ", method, "() {}")
		f.P()
	}
}

// textMethod prints a method that returns a field as text.
func (u *unit) textMethod(f *gofile.File, method, what string, source *avro.Field, none string) {
	fd := u.root.field(source)
	if fd == nil {
		f.Comment(fmt.Sprintf("%s returns %s, %s.", method, what, none))
		f.P("func (*", u.root.goName, ") ", method, `() string { return "" }`)
		f.P()
		return
	}
	f.Comment(fmt.Sprintf("%s returns %s, %s.", method, what, fd.goName))
	f.P("func (e *", u.root.goName, ") ", method, "() string {")
	if fd.typ.pointer() {
		f.P("if e.", fd.goName, ` == nil { return "" }`)
		f.P("return ", text(f, "*e."+fd.goName, fd.typ.elem))
	} else {
		f.P("return ", text(f, "e."+fd.goName, fd.typ))
	}
	f.P("}")
	f.P()
}

func (n *named) field(source *avro.Field) *field {
	for _, fd := range n.fields {
		if fd.avro == source {
			return fd
		}
	}
	return nil
}

// text returns the expression of a value as text: only the types that a key
// or subject may have.
func text(f *gofile.File, x string, t *typ) string {
	switch t.form {
	case formString, formUUID:
		return x
	case formInt:
		return f.Ident("strconv", "FormatInt") + "(int64(" + x + "), 10)"
	case formLong:
		return f.Ident("strconv", "FormatInt") + "(" + x + ", 10)"
	case formEnum:
		return "string(" + x + ")"
	case formFixed:
		return "(" + x + ").String()"
	}
	return strconv.Quote("")
}

// redaction prints the methods through which logs and fmt see a record that
// holds personal data.
func (n *named) redaction(f *gofile.File) {
	f.P("// LogValue returns the fields for a log, without personal data.")
	f.P("func (v ", n.goName, ") LogValue() ", f.Ident("log/slog", "Value"), " {")
	f.P("return ", f.Ident("log/slog", "GroupValue"), "(")
	for _, fd := range n.fields {
		f.P(f.Ident("log/slog", "Any"), "(", strconv.Quote(fd.avro.Name), ", ", logged(f, fd), "),")
	}
	f.P(")")
	f.P("}")
	f.P()
	f.P("// String returns the fields without personal data.")
	f.P("func (v ", n.goName, `) String() string { return "`, n.goName, `" + v.LogValue().String() }`)
	f.P()
	f.P("// GoString returns the fields without personal data.")
	f.P("func (v ", n.goName, ") GoString() string { return v.String() }")
	f.P()
}

// logged returns the expression that a log sees of a field.
func logged(f *gofile.File, fd *field) string {
	x := "v." + fd.goName
	switch {
	case fd.pii != "", fd.typ.sensitive() && !logsItself(fd.typ):
		return f.Qualify(wirePackage.Ident("Redacted"))
	case fd.typ.pointer():
		return f.Qualify(wirePackage.Ident("LogPointer")) + "(" + x + ")"
	}
	return x
}

// logsItself reports whether log handlers see a value's LogValue; inside
// slices and maps they do not look for one.
func logsItself(t *typ) bool {
	if t.form == formOptional || t.form == formSingle {
		return logsItself(t.elem)
	}
	return t.form == formRecord || t.form == formUnion
}
