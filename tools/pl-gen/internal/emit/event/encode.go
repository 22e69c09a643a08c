package event

// encode prints statements that append the value x of type t to b. X is an
// addressable expression, or a pointer where t is a record. Label is the Go
// expression that names the field in errors.
func (c *codec) encode(x string, t *typ, label string) {
	switch t.form {
	case formNull:
	case formFixed:
		c.P("b = append(b, ", x, "[:]...)")
	case formDuration:
		c.P("b = ", x, ".", t.named.method("append"), "(b)")
	case formRecord:
		c.P("b = ", x, ".", t.named.method("append"), "(b, w)")
	case formEnum:
		c.P("b = ", x, ".", t.named.method("append"), "(b, w, ", label, ")")
	case formUnion:
		c.P("b = ", x, ".appendWire(b, w, ", label, ")")
	case formSingle:
		c.P("b = append(b, 0)")
		c.encode(x, t.elem, label)
	case formOptional:
		c.encodeOptional(x, t, label)
	case formArray:
		c.encodeArray(x, t, label)
	case formMap:
		c.encodeMap(x, t, label)
	default:
		c.P("b = ", c.appendCall(x, t, label))
	}
}

// appendCall is the call that appends a value of a simple type.
func (c *codec) appendCall(x string, t *typ, label string) string {
	switch t.form {
	case formBool:
		return c.call("AppendBool") + "(b, " + x + ")"
	case formInt:
		return c.call("AppendLong") + "(b, int64(" + x + "))"
	case formLong:
		return c.call("AppendLong") + "(b, " + x + ")"
	case formFloat:
		return c.call("AppendFloat") + "(b, " + x + ")"
	case formDouble:
		return c.call("AppendDouble") + "(b, " + x + ")"
	case formBytes:
		return c.call("AppendBytes") + "(b, " + x + ")"
	case formDecimal, formDecimalFixed:
		return "w." + decimalMethod(t) + "(b, " + label + ", " + x + decimalArgs(t) + ")"
	}
	return "w." + simpleMethods[t.form] + t.unit + "(b, " + label + ", " + x + ")"
}

// simpleMethods are the methods, of encoder and decoder alike, for types that
// can be at fault.
var simpleMethods = map[form]string{
	formString: "String", formUUID: "UUID", formDate: "Date", formTimeOfDay: "Time",
	formTimestamp: "Timestamp", formLocalTimestamp: "LocalTimestamp",
}

func (c *codec) encodeOptional(x string, t *typ, label string) {
	value := x
	switch {
	case t.pointer() && t.elem.simple():
		value = "*" + x
	case t.pointer() && t.elem.form != formRecord:
		value = "(*" + x + ")"
	}
	null, some := t.null, 1-t.null
	c.P("if ", x, " == nil {")
	c.P("b = append(b, ", null*2, ")")
	c.P("} else {")
	c.P("b = append(b, ", some*2, ")")
	c.encode(value, t.elem, label)
	c.P("}")
}

func (c *codec) encodeArray(x string, t *typ, label string) {
	c.depth++
	defer func() { c.depth-- }()
	if t.elem.minSize(make(map[*named]bool)) == 0 {
		c.P("b = w.EmptyCount(b, ", label, ", len(", x, "))")
	} else {
		c.P("b = ", c.call("AppendCount"), "(b, len(", x, "))")
	}
	if t.elem.form != formNull {
		i := c.variable("i")
		c.P("for ", i, " := range ", x, " {")
		c.encode(x+"["+i+"]", t.elem, label)
		c.P("}")
	}
	c.P("b = append(b, 0)")
}

func (c *codec) encodeMap(x string, t *typ, label string) {
	c.depth++
	defer func() { c.depth-- }()
	k, v := c.variable("k"), c.variable("v")
	if v == "v" {
		v = "v1" // the receiver is v
	}
	c.P("b = ", c.call("AppendCount"), "(b, len(", x, "))")
	c.P("for _, ", k, " := range ", c.call("SortedKeys"), "(make([]string, 0, 8), ", x, ") {")
	c.P("b = w.String(b, ", label, ", ", k, ")")
	if t.elem.form != formNull {
		c.P(v, " := ", x, "[", k, "]")
		c.encode(v, t.elem, label)
	}
	c.P("}")
	c.P("b = append(b, 0)")
}
