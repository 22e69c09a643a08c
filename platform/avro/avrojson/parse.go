package avrojson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/wire"
)

// Parse appends the datum that text, in the form of [Append], stands for. A
// field that text leaves out gets its default; one that the schema does not
// have, a value that does not fit and a masked one are errors, which name the
// field and quote no value.
func Parse(dst []byte, s *avro.Schema, text []byte) ([]byte, error) {
	value, err := document(text)
	if err != nil {
		return dst, fmt.Errorf("read the JSON of %s: %w", s.FullName(), err)
	}
	r := reader{}
	out := r.value(dst, s, value, s.FullName())
	if err := r.out.Finish(s.FullName()); err != nil {
		return dst, err
	}
	return out, nil
}

func document(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return value, nil
}

// A reader takes one value from JSON to Avro.
type reader struct {
	out wire.Encoder
	// raw reads a schema's default: bytes are Unicode code points, logical
	// types their numbers, and a union has no names of branches.
	raw bool
}

func (r *reader) fail(b []byte, field, format string, args ...any) []byte {
	return r.out.Fail(b, field, fmt.Sprintf(format, args...))
}

func (r *reader) value(b []byte, s *avro.Schema, v any, field string) []byte {
	switch s.Kind {
	case avro.Record:
		return r.record(b, s, v, field)
	case avro.Array:
		return r.array(b, s, v, field)
	case avro.Map:
		return r.entries(b, s, v, field)
	case avro.Union:
		return r.union(b, s, v, field)
	}
	if text, ok := v.(string); ok {
		return r.text(b, s, text, field)
	}
	return r.scalar(b, s, v, field)
}

func (r *reader) record(b []byte, s *avro.Schema, v any, field string) []byte {
	object, ok := v.(map[string]any)
	if !ok {
		return r.fail(b, field, "the value is not an object")
	}
	if !r.out.Enter(s.FullName()) {
		return b
	}
	defer r.out.Leave()
	b = r.unknown(b, s, object)
	for _, f := range s.Fields {
		value, given := object[f.Name]
		b = r.field(b, f, value, given)
	}
	return b
}

func (r *reader) field(b []byte, f *avro.Field, value any, given bool) []byte {
	switch {
	case given && value == Masked && Personal(f) != "":
		return r.fail(b, f.Name, "the value is masked: begin with what \"show --unmask\" prints, or write the value")
	case given:
		return r.value(b, f.Type, value, f.Name)
	case !f.HasDefault:
		return r.fail(b, f.Name, "the field is missing and has no default")
	}
	fallback, err := document(f.Default)
	if err != nil {
		return r.fail(b, f.Name, "the default cannot be read")
	}
	was := r.raw
	r.raw = true
	defer func() { r.raw = was }()
	return r.value(b, f.Type, fallback, f.Name)
}

// unknown refuses fields that the record does not have: they are misspelt.
func (r *reader) unknown(b []byte, s *avro.Schema, object map[string]any) []byte {
	for _, name := range wire.SortedKeys(nil, object) {
		if !slices.ContainsFunc(s.Fields, func(f *avro.Field) bool { return f.Name == name }) {
			return r.fail(b, name, "%s has no such field", s.FullName())
		}
	}
	return b
}

func (r *reader) array(b []byte, s *avro.Schema, v any, field string) []byte {
	list, ok := v.([]any)
	if !ok {
		return r.fail(b, field, "the value is not an array")
	}
	b = r.out.EmptyCount(b, field, len(list))
	for _, item := range list {
		b = r.value(b, s.Items, item, field)
	}
	return append(b, 0)
}

func (r *reader) entries(b []byte, s *avro.Schema, v any, field string) []byte {
	object, ok := v.(map[string]any)
	if !ok {
		return r.fail(b, field, "the value is not an object")
	}
	b = wire.AppendCount(b, len(object))
	for _, key := range wire.SortedKeys(nil, object) {
		b = r.out.String(b, field, key)
		b = r.value(b, s.Items, object[key], field)
	}
	return append(b, 0)
}

func (r *reader) union(b []byte, s *avro.Schema, v any, field string) []byte {
	if v == nil {
		return r.branch(b, s, slices.IndexFunc(s.Branches, func(s *avro.Schema) bool { return s.Kind == avro.Null }), nil, field)
	}
	if i, ok := optional(s); ok {
		return r.branch(b, s, i, v, field)
	}
	if r.raw {
		return r.anyBranch(b, s, v, field)
	}
	object, ok := v.(map[string]any)
	if !ok || len(object) != 1 {
		return r.fail(b, field, "the value of a union is null or an object with one member, the branch's name")
	}
	for name, value := range object {
		i := slices.IndexFunc(s.Branches, func(s *avro.Schema) bool { return s.FullName() == name })
		return r.branch(b, s, i, value, field)
	}
	return b
}

func (r *reader) branch(b []byte, s *avro.Schema, i int, v any, field string) []byte {
	if i < 0 {
		return r.fail(b, field, "the union has no such branch")
	}
	return r.value(wire.AppendLong(b, int64(i)), s.Branches[i], v, field)
}

// anyBranch takes the first branch that fits, as Java does for defaults.
func (r *reader) anyBranch(b []byte, s *avro.Schema, v any, field string) []byte {
	for i, branch := range s.Branches {
		try := reader{raw: true}
		out := try.value(wire.AppendLong(b, int64(i)), branch, v, field)
		if try.out.Finish("") == nil {
			return out
		}
	}
	return r.fail(b, field, "the default fits no branch of the union")
}

func (r *reader) scalar(b []byte, s *avro.Schema, v any, field string) []byte {
	switch value := v.(type) {
	case nil:
		if s.Kind == avro.Null {
			return b
		}
	case bool:
		if s.Kind == avro.Boolean {
			return wire.AppendBool(b, value)
		}
	case json.Number:
		return r.number(b, s, value, field)
	case map[string]any:
		if s.LogicalType == "duration" {
			return r.duration(b, value, field)
		}
	}
	return r.fail(b, field, "the value does not fit the type %s", s.FullName())
}

func (r *reader) number(b []byte, s *avro.Schema, v json.Number, field string) []byte {
	bits := 64
	switch s.Kind {
	case avro.Int:
		bits = 32
		fallthrough
	case avro.Long:
		n, err := strconv.ParseInt(v.String(), 10, bits)
		if err != nil {
			return r.fail(b, field, "the value is not a whole number of %d bits", bits)
		}
		return wire.AppendLong(b, n)
	case avro.Float, avro.Double:
		f, err := v.Float64()
		if err != nil {
			return r.fail(b, field, "the value is not a number that fits")
		}
		return appendFloat(b, s, f)
	}
	return r.fail(b, field, "the value does not fit the type %s", s.FullName())
}

func appendFloat(b []byte, s *avro.Schema, f float64) []byte {
	if s.Kind == avro.Float {
		return wire.AppendFloat(b, float32(f))
	}
	return wire.AppendDouble(b, f)
}

// text reads what JSON writes between quotes.
func (r *reader) text(b []byte, s *avro.Schema, text, field string) []byte {
	switch s.Kind {
	case avro.String:
		return r.out.String(b, field, text)
	case avro.Enum:
		if i := slices.Index(s.Symbols, text); i >= 0 {
			return wire.AppendLong(b, int64(i))
		}
		return r.fail(b, field, "%s has no such symbol", s.FullName())
	case avro.Int, avro.Long:
		return r.time(b, s, text, field)
	case avro.Float, avro.Double:
		f, ok := specialFloats[text]
		if !ok {
			return r.fail(b, field, "the value does not fit the type %s", s.FullName())
		}
		return appendFloat(b, s, f)
	case avro.Bytes, avro.Fixed:
		return r.bytes(b, s, text, field)
	}
	return r.fail(b, field, "the value does not fit the type %s", s.FullName())
}

var specialFloats = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

func (r *reader) time(b []byte, s *avro.Schema, text, field string) []byte {
	layout := layouts[s.LogicalType]
	t, err := time.Parse(layout, text)
	if layout == "" || err != nil {
		return r.fail(b, field, "the value does not fit the type %s %s", s.Kind, s.LogicalType)
	}
	switch units[s.LogicalType] {
	case 0:
		return wire.AppendLong(b, t.Unix()/(24*60*60))
	case time.Millisecond:
		return wire.AppendLong(b, sinceZero(s, t).UnixMilli())
	case time.Microsecond:
		return wire.AppendLong(b, sinceZero(s, t).UnixMicro())
	}
	return r.out.TimestampNanos(b, field, t)
}

// sinceZero moves a time of day, which time.Parse puts into the year 0, to the
// first day of Unix time.
func sinceZero(s *avro.Schema, t time.Time) time.Time {
	if s.LogicalType == "time-millis" || s.LogicalType == "time-micros" {
		return t.AddDate(1970, 0, 0)
	}
	return t
}

func (r *reader) bytes(b []byte, s *avro.Schema, text, field string) []byte {
	switch {
	case r.raw:
		return r.sized(b, s, latin1(text), field)
	case s.LogicalType == "decimal" && s.Scale <= maxDigits:
		v, ok := new(big.Rat).SetString(text)
		if !ok || len(text) > 4*maxDigits {
			return r.fail(b, field, "the value is not a decimal number")
		}
		if s.Kind == avro.Fixed {
			return r.out.DecimalFixed(b, field, v, s.Precision, s.Scale, s.Size)
		}
		return r.out.Decimal(b, field, v, s.Precision, s.Scale)
	case s.LogicalType == "uuid":
		return r.uuid(b, text, field)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return r.fail(b, field, "the value is not base64")
	}
	return r.sized(b, s, raw, field)
}

func (r *reader) sized(b []byte, s *avro.Schema, raw []byte, field string) []byte {
	switch {
	case s.Kind == avro.Bytes:
		return wire.AppendBytes(b, raw)
	case len(raw) != s.Size:
		return r.fail(b, field, "the value has %d bytes, and %s has %d", len(raw), s.FullName(), s.Size)
	}
	return append(b, raw...)
}

// latin1 returns the bytes that a default writes as code points below 256.
func latin1(text string) []byte {
	raw := make([]byte, 0, len(text))
	for _, c := range text {
		raw = append(raw, byte(c))
	}
	return raw
}

func (r *reader) uuid(b []byte, text, field string) []byte {
	var digits []byte
	for i := range len(text) {
		if text[i] != '-' {
			digits = append(digits, text[i])
		}
	}
	n, ok := new(big.Int).SetString(string(digits), 16)
	if !ok || len(digits) != 32 || n.Sign() < 0 {
		return r.fail(b, field, "the value is not a UUID")
	}
	return append(b, n.FillBytes(make([]byte, 16))...)
}

func (r *reader) duration(b []byte, object map[string]any, field string) []byte {
	var parts [3]uint32
	for i, name := range []string{"months", "days", "millis"} {
		number, _ := object[name].(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 32)
		if err != nil || len(object) != len(parts) {
			return r.fail(b, field, "a duration has months, days and millis")
		}
		parts[i] = uint32(n)
	}
	return wire.AppendDuration(b, parts[0], parts[1], parts[2])
}
