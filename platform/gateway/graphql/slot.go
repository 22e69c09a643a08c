package graphql

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A slot is a place in the answer that is being made: a leaf, an object or a
// list. Slots are filled level by level, so that what many of them need is
// loaded at once; a slot that fails is null, or the nearest one around it that
// may be.
type slot struct {
	parent *slot
	// name or index is the place in the parent.
	name    string
	index   int
	nonNull bool

	null bool
	leaf []byte // JSON
	// inner are the fields of an object, or the elements of a list, in order.
	inner []*slot
	kind  slotKind
}

type slotKind int

const (
	leafSlot slotKind = iota
	objectSlot
	listSlot
)

// field adds a field to an object.
func (s *slot) field(name string, nonNull bool) *slot {
	f := &slot{parent: s, name: name, nonNull: nonNull}
	s.kind = objectSlot
	s.inner = append(s.inner, f)
	return f
}

// list makes the slot a list of n elements, and returns them.
func (s *slot) list(n int, nonNull bool) []*slot {
	s.kind = listSlot
	s.inner = make([]*slot, n)
	for i := range s.inner {
		s.inner[i] = &slot{parent: s, index: i, nonNull: nonNull}
	}
	return s.inner
}

// fail makes the slot null, and what is around it as far as it must not be.
func (s *slot) fail() {
	for ; s != nil; s = s.parent {
		s.null = true
		if !s.nonNull {
			return
		}
	}
}

// path is the place of the slot as errors have it.
func (s *slot) path() ast.Path {
	var p ast.Path
	for ; s.parent != nil; s = s.parent {
		if s.parent.kind == listSlot {
			p = append(p, ast.PathIndex(s.index))
		} else {
			p = append(p, ast.PathName(s.name))
		}
	}
	slices.Reverse(p)
	return p
}

// write appends the JSON form.
func (s *slot) write(to *bytes.Buffer) {
	switch {
	case s.null:
		to.WriteString("null")
	case s.kind == objectSlot:
		s.writeAll(to, '{', '}')
	case s.kind == listSlot:
		s.writeAll(to, '[', ']')
	case s.leaf == nil:
		to.WriteString("null")
	default:
		to.Write(s.leaf)
	}
}

func (s *slot) writeAll(to *bytes.Buffer, opening, closing byte) {
	to.WriteByte(opening)
	for i, inner := range s.inner {
		if i > 0 {
			to.WriteByte(',')
		}
		if s.kind == objectSlot {
			name, _ := json.Marshal(inner.name) // a name always encodes
			to.Write(name)
			to.WriteByte(':')
		}
		inner.write(to)
	}
	to.WriteByte(closing)
}
