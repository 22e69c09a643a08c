package event

import (
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
)

// message prints an event's schema and the two methods that people call.
func (u *unit) message(f *gofile.File) {
	name := u.root.goName
	f.P()
	f.P("const ", unexported(name), "Schema = ", literal(string(u.event.Text)))
	f.P()
	f.P("var _ ", eventPackage.Ident("Message"), " = (*", name, ")(nil)")
	f.P()
	f.P("// fill", name, " fills batch with empty events.")
	f.P("func fill", name, "(batch []", eventPackage.Ident("Message"), ") {")
	f.P("events := make([]", name, ", len(batch))")
	f.P("for i := range events { batch[i] = &events[i] }")
	f.P("}")
	f.P()
	f.P("// AppendBinary appends the event in Avro's binary encoding to b.")
	f.P("func (e *", name, ") AppendBinary(b []byte) ([]byte, error) {")
	f.P("var w ", wirePackage.Ident("Encoder"))
	f.P("out := e.", u.root.method("append"), "(b, &w)")
	f.P("if err := w.Finish(", name, "Topic); err != nil { return b, err }")
	f.P("return out, nil")
	f.P("}")
	f.P()
	f.P("// UnmarshalBinary replaces the event with data in Avro's binary encoding,")
	f.P("// written with exactly this schema. After an error the event is zero.")
	f.P("func (e *", name, ") UnmarshalBinary(data []byte) error {")
	f.P("*e = ", name, "{}")
	f.P("r := ", wirePackage.Ident("NewDecoder"), "(data)")
	f.P("e.", u.root.method("read"), "(&r)")
	f.P("if err := r.Finish(", name, "Topic); err != nil {")
	f.P("*e = ", name, "{}")
	f.P("return err")
	f.P("}")
	f.P("return nil")
	f.P("}")
}

// literal is text as a Go string literal, raw where that is possible.
func literal(text string) string {
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// method is the name of a type's codec method: exported where other packages
// call it.
func (n *named) method(verb string) string {
	if n.unit.event == nil {
		return strings.ToUpper(verb[:1]) + verb[1:] + "Wire"
	}
	return verb + "Wire"
}

// A codec prints the machine code of a file.
type codec struct {
	*gofile.File
	depth int // of loops, for the names of their variables
}

// call is a function of the runtime.
func (c *codec) call(name string) string { return c.Qualify(wirePackage.Ident(name)) }

// variable is the name of a loop's variable, different in nested loops.
func (c *codec) variable(name string) string {
	if c.depth == 1 {
		return name
	}
	return name + strconv.Itoa(c.depth)
}

// named prints the methods of a record, an enum or a duration.
func (c *codec) named(n *named) {
	switch {
	case n.schema.Kind == avro.Record:
		c.record(n)
	case n.schema.Kind == avro.Enum:
		c.enum(n)
	case n.schema.LogicalType == "duration":
		c.duration(n)
	}
}

// head prints the head of a codec method, with a comment if others see it.
func (c *codec) head(n *named, verb, signature, comment string) {
	method := n.method(verb)
	c.P()
	if n.unit.event == nil {
		c.Comment(method + " " + comment)
	}
	c.P("func (v *", n.goName, ") ", method, signature, " {")
}

const (
	appendComment = "appends the value to b. Generated code calls it."
	readComment   = "reads the value. Generated code calls it."
)

func (c *codec) record(n *named) {
	encoder, decoder := "*"+c.call("Encoder"), "*"+c.call("Decoder")
	c.head(n, "append", "(b []byte, w "+encoder+") []byte", appendComment)
	if n.recursive {
		c.P("if !w.Enter(", strconv.Quote(n.schema.Name), ") { return b }")
	}
	for _, fd := range n.fields {
		c.encode("v."+fd.goName, fd.typ, n.label(fd))
	}
	if n.recursive {
		c.P("w.Leave()")
	}
	c.P("return b")
	c.P("}")
	c.head(n, "read", "(r "+decoder+")", readComment)
	if n.recursive {
		c.P("if !r.Enter(", strconv.Quote(n.schema.Name), ") { return }")
	}
	for _, fd := range n.fields {
		c.decode("v."+fd.goName, fd.typ, n.label(fd))
	}
	if n.recursive {
		c.P("r.Leave()")
	}
	c.P("}")
}

// label names a field in errors, as a Go literal.
func (n *named) label(fd *field) string {
	if n == n.unit.root && n.unit.event != nil {
		return strconv.Quote(fd.avro.Name)
	}
	return strconv.Quote(n.schema.Name + "." + fd.avro.Name)
}

func (c *codec) enum(n *named) {
	table := unexported(n.goName) + "Symbols"
	c.P()
	c.P("var ", table, " = []", n.goName, "{")
	for _, symbol := range n.symbols {
		c.P(symbol, ",")
	}
	c.P("}")
	c.head(n, "append", "(b []byte, w *"+c.call("Encoder")+", field string) []byte", appendComment)
	c.P("return ", c.call("AppendSymbol"), "(w, b, field, ", table, ", *v)")
	c.P("}")
	c.head(n, "read", "(r *"+c.call("Decoder")+", field string)", readComment)
	c.P("*v = ", table, "[r.Index(field, len(", table, "))]")
	c.P("}")
}

func (c *codec) duration(n *named) {
	c.head(n, "append", "(b []byte) []byte", appendComment)
	c.P("return ", c.call("AppendDuration"), "(b, v.Months, v.Days, v.Millis)")
	c.P("}")
	c.head(n, "read", "(r *"+c.call("Decoder")+", field string)", readComment)
	c.P("v.Months, v.Days, v.Millis = r.Duration(field)")
	c.P("}")
}

// union prints the methods of a union, which is only used in its own package.
func (c *codec) union(u *union) {
	c.P()
	c.P("func (u *", u.goName, ") appendWire(b []byte, w *", c.call("Encoder"), ", field string) []byte {")
	c.P("switch u.branch {")
	for _, b := range u.branches {
		c.P("case ", b.index+1, ":")
		if b.typ.form == formRecord {
			c.P("if u.", b.field(), " == nil {")
			c.P(`return w.Fail(b, field, "union holds a nil `, b.name, `")`)
			c.P("}")
		}
		c.P("b = ", c.call("AppendLong"), "(b, ", b.index, ")")
		c.encode("u."+b.field(), b.typ, "field")
	}
	c.P("default:")
	if u.hasNull {
		c.P("b = ", c.call("AppendLong"), "(b, ", u.null(), ")")
	} else {
		c.P(`w.Fail(b, field, "union holds no branch")`)
	}
	c.P("}")
	c.P("return b")
	c.P("}")
	c.P()
	c.P("func (u *", u.goName, ") readWire(r *", c.call("Decoder"), ", field string) {")
	c.P("switch r.Index(field, ", u.size(), ") {")
	for _, b := range u.branches {
		c.P("case ", b.index, ":")
		c.P("u.branch = ", b.index+1)
		if b.typ.form == formRecord {
			c.P("u.", b.field(), " = new(", goType(c.File, b.typ), ")")
		}
		c.decode("u."+b.field(), b.typ, "field")
	}
	c.P("}")
	c.P("}")
}
