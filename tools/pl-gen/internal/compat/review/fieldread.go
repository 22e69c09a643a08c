package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// fieldsRead reports fields that consumers read and that are gone, unless
// another finding says so.
func (c *change) fieldsRead() {
	for _, l := range c.lost() {
		if c.reported(l) {
			continue
		}
		d := diag.New(diag.CompatFieldRead, l.from.NamePos, fmt.Sprintf("the field %s is removed, and consumers read it", l.path)).Because(
			"consumers that still have the earlier schema take its default for the value",
			"remove the field from the consumers first, deploy them, then remove it here; or say in a waiver why the default will do")
		d.Change = diag.Change{Event: c.new.Topic, Field: l.path, Was: c.was(l.field.NamePos),
			Registry: "200, the field has a default", Readers: c.tell(l.path, effects[diag.CompatFieldRead])}
		c.found = append(c.found, d)
	}
}

// A loss is a field of the old schema that the new record has no more.
type loss struct {
	path  string
	field *avro.Field
	from  *avro.Schema
}

// lost returns what consumers with known code read and will not get.
func (c *change) lost() []loss {
	var list []loss
	for _, path := range c.pathsRead() {
		l, ok := lose(c.old.Schema, c.new.Schema, path)
		if ok && !slices.ContainsFunc(list, func(m loss) bool { return m.path == l.path }) {
			list = append(list, l)
		}
	}
	return list
}

// pathsRead are the fields that consumers read; one that uses the event as a
// whole may read all.
func (c *change) pathsRead() []string {
	var paths []string
	for _, r := range c.readers {
		paths = append(paths, r.paths...)
		if r.known && r.use.Whole {
			for _, f := range c.old.Schema.Fields {
				paths = append(paths, f.Name)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// lose follows a path through both schemas to the first field that the new one
// lacks. A type that is no record in both ends the way: other rules are about
// that.
func lose(old, new *avro.Schema, path string) (loss, bool) {
	var way []string
	for name := range strings.SplitSeq(path, ".") {
		before, after := record(old), record(new)
		if before == nil || after == nil {
			return loss{}, false
		}
		way = append(way, name)
		f := named(before, name)
		if f == nil {
			return loss{}, false
		}
		g := named(after, name)
		if g == nil {
			return loss{strings.Join(way, "."), f, after}, true
		}
		old, new = f.Type, g.Type
	}
	return loss{}, false
}

// record returns the record that a value is, if it is no null, or nil.
func record(s *avro.Schema) *avro.Schema {
	for _, b := range append([]*avro.Schema{s}, s.Branches...) {
		if b.Kind == avro.Record {
			return b
		}
	}
	return nil
}

// named returns the field that has a name, or had it, or nil.
func named(s *avro.Schema, name string) *avro.Field {
	i := slices.IndexFunc(s.Fields, func(f *avro.Field) bool { return f.Name == name || slices.Contains(f.Aliases, name) })
	if i < 0 {
		return nil
	}
	return s.Fields[i]
}

func (c *change) reported(l loss) bool {
	return slices.ContainsFunc(c.broken, func(v violation) bool { return !v.newReads && v.Path == l.path }) ||
		slices.ContainsFunc(compat.Findings(c.old, c.new), func(g compat.Finding) bool {
			return g.Rule == compat.Renamed && g.OldPos == l.field.NamePos
		})
}
