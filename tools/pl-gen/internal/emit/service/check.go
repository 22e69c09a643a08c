package service

import (
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// needsCheck reports whether a request can be invalid.
func needsCheck(m *model.Message) bool {
	return len(m.Rules) > 0 || len(enumFields(m.Desc)) > 0
}

func checkName(m *model.Message) string { return "check" + m.GoName }

// checks returns the messages that have a check function: the requests, and
// what is in them, each once, in contract order.
func (v *view) checks() []*model.Message {
	var list []*model.Message
	seen := map[*model.Message]bool{}
	var visit func(m *model.Message)
	visit = func(m *model.Message) {
		if seen[m] || !needsCheck(m) {
			return
		}
		seen[m] = true
		list = append(list, m)
		for _, r := range m.Rules {
			if r.Message != nil {
				visit(r.Message)
			}
		}
	}
	for _, m := range v.context.Service.Methods {
		visit(m.Input)
	}
	return list
}

func enumFields(d protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var list []protoreflect.FieldDescriptor
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Enum() != nil && !f.IsMap() && !f.IsList() {
			list = append(list, f)
		}
	}
	return list
}

func printChecks(f *gofile.File, messages []*model.Message) {
	for _, m := range messages {
		printCheck(f, m)
	}
}

func printCheck(f *gofile.File, m *model.Message) {
	f.Comment(checkName(m) + " returns the first field that is invalid and what is wrong with it, or nothing. It looks at the fields in the contract's order.")
	f.P("func ", checkName(m), "(m *", messageIdent(m), ") (field, reason string) {")
	rules := map[protoreflect.FullName]*model.Rule{}
	for _, r := range m.Rules {
		rules[r.Field.FullName()] = r
	}
	p := &checkPrinter{f: f, message: m}
	for i := range m.Desc.Fields().Len() {
		d := m.Desc.Fields().Get(i)
		rule := rules[d.FullName()]
		if rule == nil {
			rule = &model.Rule{Field: d}
		}
		p.field(rule)
	}
	f.P(`return "", ""`)
	f.P("}")
	f.P()
}

// A checkPrinter prints the checks of one message.
type checkPrinter struct {
	f       *gofile.File
	message *model.Message
}

func (p *checkPrinter) field(r *model.Rule) {
	d := r.Field
	get := "m.Get" + GoCamel(string(d.Name())) + "()"
	if r.Required {
		p.refuse(d, p.absent(d, get), "is required")
	}
	if r.MaxLen > 0 {
		p.refuse(d, p.length(d, get)+" > "+strconv.Itoa(int(r.MaxLen)), tooLong(d, r.MaxLen))
	}
	if cond, reason := bounds(r, get); cond != "" {
		if d.HasOptionalKeyword() {
			cond = "m." + GoCamel(string(d.Name())) + " != nil && (" + cond + ")"
		}
		p.refuse(d, cond, reason)
	}
	if d.Enum() != nil && !d.IsList() && !d.IsMap() {
		p.knownEnum(d, get)
	}
	if r.Message != nil {
		p.nested(r, get)
	}
}

func (p *checkPrinter) refuse(d protoreflect.FieldDescriptor, cond, reason string) {
	p.f.P("if ", cond, " {")
	p.f.P("return ", strconv.Quote(string(d.Name())), ", ", strconv.Quote(reason))
	p.f.P("}")
}

func (p *checkPrinter) absent(d protoreflect.FieldDescriptor, get string) string {
	switch {
	case d.IsList(), d.IsMap(), d.Kind() == protoreflect.BytesKind:
		return "len(" + get + ") == 0"
	case d.Kind() == protoreflect.MessageKind:
		return get + " == nil"
	case d.HasOptionalKeyword():
		return "m." + GoCamel(string(d.Name())) + " == nil"
	case d.Kind() == protoreflect.StringKind:
		return get + ` == ""`
	case d.Kind() == protoreflect.BoolKind:
		return "!" + get
	}
	return get + " == 0"
}

func (p *checkPrinter) length(d protoreflect.FieldDescriptor, get string) string {
	if d.Kind() == protoreflect.StringKind && !d.IsList() && !d.IsMap() {
		return p.f.Ident("unicode/utf8", "RuneCountInString") + "(" + get + ")"
	}
	return "len(" + get + ")"
}

func tooLong(d protoreflect.FieldDescriptor, limit uint32) string {
	unit := "elements"
	switch {
	case d.IsList(), d.IsMap():
	case d.Kind() == protoreflect.BytesKind:
		unit = "bytes"
	default:
		unit = "characters"
	}
	return fmt.Sprintf("has more than %d %s", limit, unit)
}

// bounds returns the condition under which a number is out of its bounds. For
// floating-point numbers it holds for NaN too.
func bounds(r *model.Rule, get string) (cond, reason string) {
	low, high := limits(r)
	below, above := get+" < "+low, get+" > "+high
	if isFloat(r.Field.Kind()) {
		below, above = "!("+get+" >= "+low+")", "!("+get+" <= "+high+")"
	}
	switch {
	case low != "" && high != "":
		return below + " || " + above, "must be between " + low + " and " + high
	case low != "":
		return below, "must be at least " + low
	case high != "":
		return above, "must be at most " + high
	}
	return "", ""
}

// limits returns the bounds of a rule as Go constants of the field's type, ""
// for those that every value of the type keeps.
func limits(r *model.Rule) (low, high string) {
	k := r.Field.Kind()
	least, most := rangeOf(k)
	if r.Min != nil && *r.Min > least {
		low = constant(k, math.Ceil, *r.Min)
	}
	if r.Max != nil && *r.Max < most {
		high = constant(k, math.Floor, *r.Max)
	}
	return low, high
}

func isFloat(k protoreflect.Kind) bool {
	return k == protoreflect.DoubleKind || k == protoreflect.FloatKind
}

// rangeOf returns the values of a kind.
func rangeOf(k protoreflect.Kind) (least, most float64) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return 0, math.MaxUint32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return math.MinInt64, math.MaxInt64
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return 0, math.MaxUint64
	}
	return math.Inf(-1), math.Inf(1)
}

func constant(k protoreflect.Kind, round func(float64) float64, v float64) string {
	if !isFloat(k) {
		v = round(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func (p *checkPrinter) knownEnum(d protoreflect.FieldDescriptor, get string) {
	names := messagePackage(p.message.ImportPath).Ident(enumGoName(d.Enum()) + "_name")
	p.f.P("if _, ok := ", names, "[int32(", get, ")]; !ok {")
	p.f.P("return ", strconv.Quote(string(d.Name())), `, "has a value that the contract does not know"`)
	p.f.P("}")
}

func (p *checkPrinter) nested(r *model.Rule, get string) {
	name := string(r.Field.Name())
	switch {
	case r.Field.IsMap():
		p.f.P("for key, v := range ", get, " {")
		p.f.P("if field, reason := ", checkName(r.Message), `(v); reason != "" {`)
		p.f.P("return ", p.f.Ident("fmt", "Sprintf"), `("`, name, `[%v].%s", key, field), reason`)
		p.f.P("}")
	case r.Field.IsList():
		p.f.P("for i, v := range ", get, " {")
		p.f.P("if field, reason := ", checkName(r.Message), `(v); reason != "" {`)
		p.f.P("return ", p.f.Ident("fmt", "Sprintf"), `("`, name, `[%d].%s", i, field), reason`)
		p.f.P("}")
	default:
		p.f.P("if v := ", get, "; v != nil {")
		p.f.P("if field, reason := ", checkName(r.Message), `(v); reason != "" {`)
		p.f.P(`return "`, name, `." + field, reason`)
		p.f.P("}")
	}
	p.f.P("}")
}
