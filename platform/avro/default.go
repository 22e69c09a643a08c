package avro

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// maxDefaultSteps bounds the work of checking one text's defaults, which
// unions of records could otherwise make exponential.
const maxDefaultSteps = 1 << 20

// A defaultCheck decides whether JSON values are valid for schemas, by the
// rules of Java's Schema.isValidDefault: a union accepts a value of any of its
// branches, strings of bytes, fixed and enums are not looked into, and a
// field that a record value leaves out takes its own default.
type defaultCheck struct {
	steps int
	memo  map[defaultCase]bool
	// unset holds the records whose fields Java has not set yet.
	unset map[*Schema]bool
}

type defaultCase struct {
	schema *Schema
	value  *node
}

func (c *defaultCheck) valid(s *Schema, v *node) bool {
	if c.steps++; c.steps > maxDefaultSteps {
		return false
	}
	switch s.Kind {
	case 0:
		return v.kind == objectNode // a type that is not known yet: Java takes it for a record without fields
	case Null:
		return v.kind == nullNode
	case Boolean:
		return v.kind == boolNode
	case Int:
		return isInteger(v, 32)
	case Long:
		return isInteger(v, 64)
	case Float, Double:
		return v.kind == numberNode
	case Bytes, String, Enum, Fixed:
		return v.kind == stringNode
	}
	return c.nested(s, v)
}

func isInteger(v *node, bits int) bool {
	if v.kind != numberNode {
		return false
	}
	_, err := strconv.ParseInt(v.raw, 10, bits)
	return err == nil
}

// nested remembers its answers, so that a value is checked against a schema
// once.
func (c *defaultCheck) nested(s *Schema, v *node) bool {
	at := defaultCase{s, v}
	if answer, known := c.memo[at]; known {
		return answer
	}
	answer := c.compound(s, v)
	c.memo[at] = answer
	return answer
}

func (c *defaultCheck) compound(s *Schema, v *node) bool {
	switch s.Kind {
	case Array:
		return v.kind == arrayNode && c.all(s.Items, v)
	case Map:
		return v.kind == objectNode && c.all(s.Items, v)
	case Union:
		return c.any(s.Branches, v)
	}
	return v.kind == objectNode && !c.unset[s] && c.record(s, v)
}

func (c *defaultCheck) all(s *Schema, v *node) bool {
	for i, e := range v.elems {
		if v.kind == objectNode && v.get(v.keys[i].name) != e {
			continue
		}
		if !c.valid(s, e) {
			return false
		}
	}
	return true
}

func (c *defaultCheck) any(branches []*Schema, v *node) bool {
	for _, b := range branches {
		if c.valid(b, v) {
			return true
		}
	}
	return false
}

func (c *defaultCheck) record(s *Schema, v *node) bool {
	for _, f := range s.Fields {
		value := v.get(f.Name)
		if value == nil && !f.HasDefault || value != nil && !c.valid(f.Type, value) {
			return false
		}
	}
	return true
}

// checkDefault reports a default that its field's type does not accept, as far
// as the type is known.
func (p *parser) checkDefault(f *Field, d *node) {
	_, open := p.forward[f.Type]
	if f.Type.Kind == 0 && !open {
		return // the type is faulty itself
	}
	check := &defaultCheck{memo: map[defaultCase]bool{}}
	if _, ok := floatText(f.Type, d); ok || check.valid(f.Type, d) {
		return
	}
	if open {
		p.early = append(p.early, earlyDefault{f, d})
		return
	}
	p.badDefault(f, d, check.steps > maxDefaultSteps)
}

func (p *parser) badDefault(f *Field, d *node, tooMuch bool) {
	if tooMuch {
		p.fault(d, CodeLimit, "write a simpler default", "the default takes too long to check")
		return
	}
	what := describeType(f.Type)
	fix := "write a value of that type, or change the type"
	if f.Type.Kind == Union {
		fix = "write a value of one of the branches"
	}
	if d.kind == nullNode && f.Type.Kind != Union && f.Type.Kind != 0 {
		fix = `make the type ["null", …], or remove the default`
	}
	p.fault(d, CodeBadDefault, fix, "the default, %s, is not a value of %s", d.kind, what)
}

func describeType(s *Schema) string {
	switch {
	case s.Kind == 0:
		return "the type, which is defined only later"
	case s.Kind != Union:
		return "the type " + s.FullName()
	}
	var names []string
	for _, b := range s.Branches[:min(len(s.Branches), 8)] {
		names = append(names, b.FullName())
	}
	return "the union [" + strings.Join(names, ", ") + "]"
}

// floatText reads a text as Java's Double.parseDouble does, which makes "1.5"
// and "NaN" defaults of a float or double.
func floatText(s *Schema, d *node) (float64, bool) {
	if s.Kind != Float && s.Kind != Double || d.kind != stringNode {
		return 0, false
	}
	text := strings.Trim(d.text, " \t\r\n")
	unsigned := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	switch unsigned {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
	default:
		text = strings.TrimRight(text, "fFdD")
		if strings.ContainsAny(text, "_iInN") || strings.HasPrefix(unsigned, "0x") && !strings.ContainsAny(text, "pP") {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "inity"), 64)
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

// defaultText returns the default as JSON; a number that is written as text
// becomes one, but for those that JSON cannot write.
func defaultText(s *Schema, d *node) json.RawMessage {
	v, ok := floatText(s, d)
	switch {
	case !ok:
		return d.appendJSON(nil)
	case math.IsNaN(v):
		return json.RawMessage(`"NaN"`)
	case math.IsInf(v, 1):
		return json.RawMessage(`"Infinity"`)
	case math.IsInf(v, -1):
		return json.RawMessage(`"-Infinity"`)
	}
	return strconv.AppendFloat(nil, v, 'g', -1, 64)
}
