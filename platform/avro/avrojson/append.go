package avrojson

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/wire"
)

// Append appends the JSON of a datum that was written with schema s, on one
// line. Personal data is masked unless unmask is true. Hostile data is refused
// within the bounds of package wire; the error quotes no value.
func Append(dst []byte, s *avro.Schema, datum []byte, unmask bool) ([]byte, error) {
	p := printer{in: wire.NewDecoder(datum), out: dst, most: len(dst) + maxShown, unmask: unmask}
	p.value(s, s.FullName())
	if err := p.in.Finish(s.FullName()); err != nil {
		return dst, err
	}
	return p.out, nil
}

// A printer takes one datum from Avro to JSON.
type printer struct {
	in     wire.Decoder
	out    []byte
	most   int
	unmask bool
	omit   map[*avro.Field]bool // fields that are read and not written
}

func (p *printer) add(text string) { p.out = append(p.out, text...) }

func (p *printer) quote(text string) { p.out = AppendText(p.out, text) }

// AppendText appends text as a JSON string, written as [json.Marshal] writes it.
func AppendText(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // text cannot fail
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}

func (p *printer) value(s *avro.Schema, field string) {
	if len(p.out) > p.most {
		p.in.Fail(field, "the value is too large to be shown")
	}
	if p.in.Failed() {
		return
	}
	switch s.Kind {
	case avro.Record:
		p.record(s)
	case avro.Array:
		p.items(s.Items, field, '[', ']', func() {})
	case avro.Map:
		p.items(s.Items, field, '{', '}', func() {
			p.quote(p.in.String(field))
			p.add(":")
		})
	case avro.Union:
		p.union(s, field)
	default:
		p.scalar(s, field)
	}
}

func (p *printer) record(s *avro.Schema) {
	if !p.in.Enter(s.FullName()) {
		return
	}
	defer p.in.Leave()
	p.add("{")
	first := len(p.out)
	for _, f := range s.Fields {
		start := len(p.out)
		if start > first {
			p.add(",")
		}
		p.quote(f.Name)
		p.add(":")
		p.field(f)
		if p.omit[f] {
			p.out = p.out[:start]
		}
	}
	p.add("}")
}

// field reads a masked value too: what is behind it in the datum has to be
// found, and null hides nothing.
func (p *printer) field(f *avro.Field) {
	start := len(p.out)
	p.value(f.Type, f.Name)
	if p.unmask || Personal(f) == "" || string(p.out[start:]) == "null" {
		return
	}
	p.out = p.out[:start]
	p.quote(Masked)
}

func (p *printer) items(s *avro.Schema, field string, open, end byte, key func()) {
	p.out = append(p.out, open)
	first := true
	for n := p.in.Block(field, 0); n > 0 && !p.in.Failed(); n = p.in.Block(field, 0) {
		for ; n > 0 && !p.in.Failed(); n-- {
			if !first {
				p.add(",")
			}
			first = false
			key()
			p.value(s, field)
		}
	}
	p.out = append(p.out, end)
}

func (p *printer) union(s *avro.Schema, field string) {
	branch := s.Branches[p.in.Index(field, len(s.Branches))]
	if _, plain := optional(s); plain || branch.Kind == avro.Null {
		p.value(branch, field)
		return
	}
	p.add("{")
	p.quote(branch.FullName())
	p.add(":")
	p.value(branch, field)
	p.add("}")
}

func (p *printer) scalar(s *avro.Schema, field string) {
	switch s.Kind {
	case avro.Null:
		p.add("null")
	case avro.Boolean:
		p.out = strconv.AppendBool(p.out, p.in.Bool(field))
	case avro.Int:
		p.integer(s, int64(p.in.Int(field)))
	case avro.Long:
		p.integer(s, p.in.Long(field))
	case avro.Float:
		p.float(float64(p.in.Float(field)), 32)
	case avro.Double:
		p.float(p.in.Double(field), 64)
	case avro.String:
		p.quote(p.in.String(field))
	case avro.Enum:
		p.quote(s.Symbols[p.in.Index(field, len(s.Symbols))])
	case avro.Bytes:
		p.bytes(s, p.in.Bytes(field))
	case avro.Fixed:
		p.fixed(s, field)
	}
}

// integer writes a number, or the time that it stands for when that has a
// year that RFC 3339 can write.
func (p *printer) integer(s *avro.Schema, v int64) {
	if t, layout := timeOf(s.LogicalType, v); layout != "" && t.Year() >= 0 && t.Year() <= 9999 {
		p.add(`"`)
		p.out = t.AppendFormat(p.out, layout)
		p.add(`"`)
		return
	}
	p.out = strconv.AppendInt(p.out, v, 10)
}

func timeOf(logical string, v int64) (t time.Time, layout string) {
	if logical == "date" {
		return time.Unix(v*24*60*60, 0).UTC(), layouts[logical]
	}
	switch units[logical] {
	case time.Millisecond:
		t = time.UnixMilli(v)
	case time.Microsecond:
		t = time.UnixMicro(v)
	case time.Nanosecond:
		t = time.Unix(v/1e9, v%1e9)
	}
	return t.UTC(), layouts[logical]
}

// How logical types are written, and what their numbers count.
var (
	layouts = map[string]string{
		"date": time.DateOnly, "time-millis": "15:04:05.999", "time-micros": "15:04:05.999999",
		"timestamp-millis": time.RFC3339Nano, "timestamp-micros": time.RFC3339Nano, "timestamp-nanos": time.RFC3339Nano,
		"local-timestamp-millis": localLayout, "local-timestamp-micros": localLayout, "local-timestamp-nanos": localLayout,
	}
	units = map[string]time.Duration{
		"time-millis": time.Millisecond, "timestamp-millis": time.Millisecond, "local-timestamp-millis": time.Millisecond,
		"time-micros": time.Microsecond, "timestamp-micros": time.Microsecond, "local-timestamp-micros": time.Microsecond,
		"timestamp-nanos": time.Nanosecond, "local-timestamp-nanos": time.Nanosecond,
	}
)

const localLayout = "2006-01-02T15:04:05.999999999"

func (p *printer) float(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		p.quote("NaN")
	case math.IsInf(v, 1):
		p.quote("Infinity")
	case math.IsInf(v, -1):
		p.quote("-Infinity")
	default:
		p.out = strconv.AppendFloat(p.out, v, 'g', -1, bits)
	}
}

func (p *printer) fixed(s *avro.Schema, field string) {
	if s.LogicalType == "duration" {
		months, days, millis := p.in.Duration(field)
		p.object("months", months, "days", days, "millis", millis)
		return
	}
	b := make([]byte, s.Size)
	p.in.Fixed(field, b)
	if s.LogicalType == "uuid" {
		p.quote(wire.FormatUUID([16]byte(b)))
		return
	}
	p.bytes(s, b)
}

func (p *printer) object(pairs ...any) {
	text, _ := json.Marshal(map[string]any{ // plain numbers cannot fail
		pairs[0].(string): pairs[1], pairs[2].(string): pairs[3], pairs[4].(string): pairs[5],
	})
	p.out = append(p.out, text...)
}

func (p *printer) bytes(s *avro.Schema, b []byte) {
	if s.LogicalType == "decimal" && s.Scale <= maxDigits && len(b) <= maxDigits {
		p.quote(decimalText(b, s.Scale))
		return
	}
	p.quote(base64.StdEncoding.EncodeToString(b))
}

// maxDigits bounds the scale and the bytes of a decimal that is written with
// its point; a larger one stays base64.
const maxDigits = 1024

// decimalText writes a two's complement, big-endian number with its point.
func decimalText(b []byte, scale int) string {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	denominator := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(n, denominator).FloatString(scale)
}
