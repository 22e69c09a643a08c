package compat

import (
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A place is where the walk is: the way down from the root, the last step
// first. A nil place is the root.
type place struct {
	up *place
	// token is the part of Java's pointer, and step that of the path for people.
	token, step string
	// anew is true where Java's pointer begins anew.
	anew bool
	// reader and writer are where the types of the nearest fields stand.
	reader, writer *avro.Pos
}

func (p *place) down(token, step string) *place {
	next := &place{up: p, token: token, step: step}
	if p != nil {
		next.reader, next.writer = p.reader, p.writer
	}
	return next
}

func (p *place) field(reader, writer *avro.Pos) *place {
	next := p.down("type", "")
	next.reader, next.writer = reader, writer
	return next
}

func (p *place) restart() *place {
	next := p.down("", "")
	next.anew = true
	return next
}

// use returns where a pair of types is used: the definition of a named type
// may stand elsewhere.
func (p *place) use(r, wr *avro.Schema) (reader, writer avro.Pos) {
	reader, writer = r.Pos, wr.Pos
	if p == nil {
		return reader, writer
	}
	if r.Name != "" && p.reader != nil {
		reader = *p.reader
	}
	if wr.Name != "" && p.writer != nil {
		writer = *p.writer
	}
	return reader, writer
}

func (p *place) one(t Type, reader, writer avro.Pos, message string) *result {
	return &result{one: &finding{typ: t, at: p, reader: reader, writer: writer, message: message}}
}

// pointer returns Java's location.
func (p *place) pointer() string {
	var tokens []string
	for ; p != nil && !p.anew; p = p.up {
		tokens = append(tokens, p.token)
	}
	slices.Reverse(tokens)
	return "/" + strings.Join(tokens, "/")
}

// path returns the location for people.
func (p *place) path() string {
	var steps []string
	for ; p != nil; p = p.up {
		if p.step != "" {
			steps = append(steps, p.step)
		}
	}
	var b strings.Builder
	for i, s := range slices.Backward(steps) {
		if i < len(steps)-1 && s != "[]" && s != "{}" {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}
