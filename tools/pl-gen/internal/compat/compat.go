// Package compat finds what is dangerous about a change of an event although
// every schema registry lets it through: the bytes can be read, and mean
// something else. What registries refuse is decided by platform/avro/compat.
package compat

import (
	"cmp"
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A Finding is one dangerous change. Its place is in the new schema; where
// something was removed, it is the place of what it was removed from.
type Finding struct {
	diag.Diagnostic
	// Path is the field, with "[]" for the items of an array and "{}" for the
	// values of a map; "" for the event itself.
	Path string
	// OldPos is the place in the old schema, unknown for what is new.
	OldPos avro.Pos
}

// Findings compares two versions of an event. The result is ordered by place
// in the new schema. Neither version is changed.
func Findings(old, new *model.Event) []Finding {
	w := newWalker()
	w.schemas(old.Schema, new.Schema, "")
	w.key(old, new)
	w.retention(old, new)
	return w.sorted()
}

// Schemas compares two versions of any schema, such as a shared record, as
// Findings does.
func Schemas(old, new *avro.Schema) []Finding {
	w := newWalker()
	w.schemas(old, new, "")
	return w.sorted()
}

// A walker goes through two schemas side by side, each pair of types once.
type walker struct {
	seen  map[[2]*avro.Schema]bool
	found []Finding
}

func newWalker() *walker { return &walker{seen: map[[2]*avro.Schema]bool{}} }

// A text is a finding in words: what changes, why that is dangerous, and what
// to do instead.
type text struct{ message, cause, fix string }

func (w *walker) report(rule diag.Rule, path string, pos, oldPos avro.Pos, t text) {
	w.found = append(w.found, Finding{Path: path, OldPos: oldPos, Diagnostic: diag.Diagnostic{
		Rule: rule, Severity: rule.Info().Severity, Pos: pos, Message: t.message, Cause: t.cause, Fix: t.fix}})
}

func (w *walker) sorted() []Finding {
	slices.SortStableFunc(w.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return w.found
}

// schemas compares two types that stand in the same place.
func (w *walker) schemas(old, new *avro.Schema, path string) {
	if w.seen[[2]*avro.Schema{old, new}] {
		return
	}
	w.seen[[2]*avro.Schema{old, new}] = true
	if old.Kind == avro.Union || new.Kind == avro.Union {
		w.branches(branches(old), branches(new), path)
		return
	}
	w.values(old, new, path)
	if old.Kind != new.Kind {
		return
	}
	switch new.Kind {
	case avro.Array:
		w.schemas(old.Items, new.Items, path+"[]")
	case avro.Map:
		w.schemas(old.Items, new.Items, path+"{}")
	case avro.Record:
		w.named(old, new, path)
		w.record(old, new, path)
	case avro.Enum:
		w.named(old, new, path)
		w.symbols(old, new, path)
	case avro.Fixed:
		w.named(old, new, path)
	}
}

// branches returns the types that a value may have.
func branches(s *avro.Schema) []*avro.Schema {
	if s.Kind == avro.Union {
		return s.Branches
	}
	return []*avro.Schema{s}
}

// branches compares the branches that stand for each other: those of one kind
// and name, and the two that are left over if there is one on each side.
func (w *walker) branches(old, new []*avro.Schema, path string) {
	old, new = slices.Clone(old), slices.Clone(new)
	for i := 0; i < len(old); i++ {
		j := slices.IndexFunc(new, func(n *avro.Schema) bool { return n.Kind == old[i].Kind && sameName(old[i], n) })
		if j < 0 {
			continue
		}
		w.schemas(old[i], new[j], path)
		old, new = slices.Delete(old, i, i+1), slices.Delete(new, j, j+1)
		i--
	}
	old, new = values(old), values(new)
	if len(old) == 1 && len(new) == 1 {
		w.schemas(old[0], new[0], path)
	}
}

// values leaves out null.
func values(branches []*avro.Schema) []*avro.Schema {
	return slices.DeleteFunc(branches, func(b *avro.Schema) bool { return b.Kind == avro.Null })
}

// sameName reports whether a type still has its name, or knows it as an alias.
// As for Java, the namespace does not count.
func sameName(old, new *avro.Schema) bool {
	return old.Name == new.Name || slices.Contains(new.Aliases, old.FullName())
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

// call names a place in a message.
func call(path string) string {
	if path == "" {
		return "the value"
	}
	return path
}
