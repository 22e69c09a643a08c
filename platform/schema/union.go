package schema

import (
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// writerUnion resolves every branch of w, on its own against r or, where the
// unions are the same, against the branch at the same place.
func (c *compiler) writerUnion(w, r *avro.Schema) *node {
	n := &node{op: opWriterUnion}
	same := c.equivalent(w, r, map[pair]bool{})
	for i, branch := range w.Branches {
		if same {
			child := c.resolve(branch, r.Branches[i])
			n.branches = append(n.branches, &node{op: opReaderUnion, index: int64(i), child: child})
			continue
		}
		n.branches = append(n.branches, c.resolve(branch, r))
	}
	return n
}

func (c *compiler) readerUnion(w, r *avro.Schema) *node {
	i := c.exactBranch(w, r)
	if i < 0 {
		i = slices.IndexFunc(r.Branches, func(b *avro.Schema) bool {
			return b.Kind != w.Kind && promote(w, b).op != opError
		})
	}
	if i < 0 {
		return mismatch(w, r)
	}
	return &node{op: opReaderUnion, index: int64(i), child: c.resolve(w, r.Branches[i])}
}

// exactBranch returns the branch of r that Java takes for w before it thinks
// of promotions, or -1: the first of the same kind, where named types need the
// same full name; failing that, a record whose fields match, preferably one
// with the same short name.
func (c *compiler) exactBranch(w, r *avro.Schema) int {
	found := -1
	for i, b := range r.Branches {
		if b.Kind != w.Kind {
			continue
		}
		if b.Name == "" || b.FullName() == c.aliases.fullName(w) {
			return i
		}
		if w.Kind == avro.Record && (found < 0 || b.Name == c.aliases.shortName(w)) && !c.record(w, b).hopeless() {
			found = i
		}
	}
	return found
}

// hopeless reports whether a record's node, or one of its fields, is an error.
func (n *node) hopeless() bool {
	return n.op == opError || slices.ContainsFunc(n.fields, func(f field) bool { return f.node.op == opError })
}

// equivalent reports whether two schemas have the same shape and the same
// short names. Pairs that are being compared count as equal.
func (c *compiler) equivalent(w, r *avro.Schema, seen map[pair]bool) bool {
	if w.Kind != r.Kind || (w.Name != "" && c.aliases.shortName(w) != r.Name) {
		return false
	}
	switch w.Kind {
	case avro.Array, avro.Map:
		return c.equivalent(w.Items, r.Items, seen)
	case avro.Fixed:
		return w.Size == r.Size
	case avro.Enum:
		return slices.Equal(w.Symbols, r.Symbols)
	case avro.Union:
		return slices.EqualFunc(w.Branches, r.Branches, func(a, b *avro.Schema) bool { return c.equivalent(a, b, seen) })
	case avro.Record:
		return c.equivalentRecords(w, r, seen)
	}
	return true
}

func (c *compiler) equivalentRecords(w, r *avro.Schema, seen map[pair]bool) bool {
	key := pair{w, r}
	if answer, ok := seen[key]; ok {
		return answer
	}
	seen[key] = true
	seen[key] = slices.EqualFunc(w.Fields, r.Fields, func(a, b *avro.Field) bool {
		return c.aliases.field(w, a.Name) == b.Name && c.equivalent(a.Type, b.Type, seen)
	})
	return seen[key]
}
