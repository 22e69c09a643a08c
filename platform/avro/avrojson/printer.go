package avrojson

import (
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/wire"
)

// A Printer writes data of one schema as JSON for programs: personal data is
// left out rather than masked. It is safe for concurrent use.
type Printer struct {
	schema   *avro.Schema
	personal map[*avro.Field]bool
}

// NewPrinter returns a printer for data written with s.
func NewPrinter(s *avro.Schema) *Printer {
	p := &Printer{schema: s, personal: map[*avro.Field]bool{}}
	p.find(s, map[*avro.Schema]bool{})
	return p
}

// find notes the fields with personal data.
func (p *Printer) find(s *avro.Schema, seen map[*avro.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	for _, f := range s.Fields {
		if Personal(f) != "" {
			p.personal[f] = true
		}
		p.find(f.Type, seen)
	}
	p.find(s.Items, seen)
	for _, b := range s.Branches {
		p.find(b, seen)
	}
}

// Append appends the JSON of a datum, as [Append] does. Fields with personal
// data are in it only with personal. The error quotes no value.
func (p *Printer) Append(dst, datum []byte, personal bool) ([]byte, error) {
	w := printer{in: wire.NewDecoder(datum), out: dst, most: len(dst) + maxShown, unmask: true}
	if !personal {
		w.omit = p.personal
	}
	w.value(p.schema, p.schema.FullName())
	if err := w.in.Finish(p.schema.FullName()); err != nil {
		return dst, err
	}
	return w.out, nil
}
