package event

import "strconv"

// decode prints statements that read a value of type t into x, which is
// addressable and zero, or a pointer to a zero record.
func (c *codec) decode(x string, t *typ, label string) {
	switch t.form {
	case formNull:
	case formFixed:
		c.P("r.Fixed(", label, ", ", x, "[:])")
	case formRecord:
		c.P(x, ".", t.named.method("read"), "(r)")
	case formEnum, formDuration:
		c.P(x, ".", t.named.method("read"), "(r, ", label, ")")
	case formUnion:
		c.P(x, ".readWire(r, ", label, ")")
	case formSingle:
		c.P("r.Index(", label, ", 1)")
		c.decode(x, t.elem, label)
	case formOptional:
		c.decodeOptional(x, t, label)
	case formArray:
		c.decodeArray(x, t, label)
	case formMap:
		c.decodeMap(x, t, label)
	default:
		c.P(x, " = ", c.readCall(t, label))
	}
}

// simple reports whether readCall can read the type.
func (t *typ) simple() bool { return t.form >= formBool && t.form <= formDecimalFixed }

// readCall is the call that reads a value of a simple type.
func (c *codec) readCall(t *typ, label string) string {
	switch t.form {
	case formBool:
		return "r.Bool(" + label + ")"
	case formInt:
		return "r.Int(" + label + ")"
	case formLong:
		return "r.Long(" + label + ")"
	case formFloat:
		return "r.Float(" + label + ")"
	case formDouble:
		return "r.Double(" + label + ")"
	case formBytes:
		return "r.Bytes(" + label + ")"
	case formDecimal, formDecimalFixed:
		return "r." + decimalMethod(t) + "(" + label + decimalArgs(t) + ")"
	case formLocalTimestamp:
		return "r.Timestamp" + t.unit + "(" + label + ")"
	}
	return "r." + simpleMethods[t.form] + t.unit + "(" + label + ")"
}

func decimalMethod(t *typ) string {
	if t.form == formDecimalFixed {
		return "DecimalFixed"
	}
	return "Decimal"
}

func decimalArgs(t *typ) string {
	args := ", " + strconv.Itoa(t.schema.Precision) + ", " + strconv.Itoa(t.schema.Scale)
	if t.form == formDecimalFixed {
		args += ", " + strconv.Itoa(t.schema.Size)
	}
	return args
}

func (c *codec) decodeOptional(x string, t *typ, label string) {
	c.depth++
	defer func() { c.depth-- }()
	c.P("if r.Index(", label, ", 2) == ", 1-t.null, " {")
	switch elem := t.elem; {
	case elem.form == formBytes:
		c.P(x, " = ", c.call("Present"), "(r.Bytes(", label, "))")
	case elem.form == formArray:
		c.P(x, " = ", goType(c.File, elem), "{}")
		c.decode(x, elem, label)
	case elem.form == formMap:
		c.P(x, " = make(", goType(c.File, elem), ")")
		c.decode(x, elem, label)
	case elem.nilable():
		c.decode(x, elem, label)
	case elem.simple():
		p := c.variable("p")
		c.P(p, " := ", c.readCall(elem, label))
		c.P(x, " = &", p)
	case elem.form == formRecord:
		c.P(x, " = new(", goType(c.File, elem), ")")
		c.decode(x, elem, label)
	default:
		c.P(x, " = new(", goType(c.File, elem), ")")
		c.decode("(*"+x+")", elem, label)
	}
	c.P("}")
}

// loop prints the head of the two loops over blocks and their items. Each
// block is announced before its items are read.
func (c *codec) loop(label string, minSize int, room func(n string)) {
	n := c.variable("n")
	block := "r.Block(" + label + ", " + strconv.Itoa(minSize) + ")"
	c.P("for ", n, " := ", block, "; ", n, " > 0; ", n, " = ", block, " {")
	room(n)
	c.P("for ; ", n, " > 0 && !r.Failed(); ", n, "-- {")
}

func (c *codec) decodeArray(x string, t *typ, label string) {
	c.depth++
	defer func() { c.depth-- }()
	elem := t.elem
	c.loop(label, elem.minSize(make(map[*named]bool)), func(n string) {
		c.P(x, " = ", c.Ident("slices", "Grow"), "(", x, ", ", c.call("Room"), "(", n, "))")
	})
	switch {
	case elem.simple():
		c.P(x, " = append(", x, ", ", c.readCall(elem, label), ")")
	case elem.form == formRecord:
		c.P(x, " = append(", x, ", ", goType(c.File, elem), "{})")
		c.decode(x+"[len("+x+")-1]", elem, label)
	default:
		p := c.variable("p")
		c.P("var ", p, " ", goType(c.File, elem))
		c.decode(p, elem, label)
		c.P(x, " = append(", x, ", ", p, ")")
	}
	c.P("}")
	c.P("}")
}

func (c *codec) decodeMap(x string, t *typ, label string) {
	c.depth++
	defer func() { c.depth-- }()
	elem := t.elem
	c.loop(label, 1+elem.minSize(make(map[*named]bool)), func(n string) {
		c.P("if ", x, " == nil { ", x, " = make(", goType(c.File, t), ", ", c.call("Room"), "(", n, ")) }")
	})
	k, p := c.variable("k"), c.variable("p")
	c.P(k, " := r.String(", label, ")")
	if elem.simple() {
		c.P(x, "[", k, "] = ", c.readCall(elem, label))
	} else {
		c.P("var ", p, " ", goType(c.File, elem))
		c.decode(p, elem, label)
		c.P(x, "[", k, "] = ", p)
	}
	c.P("}")
	c.P("}")
}
