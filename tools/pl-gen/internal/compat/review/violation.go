package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	walk "github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A violation is a reason why one of two versions cannot read the other.
type violation struct {
	walk.Incompatibility
	// newReads is true when the new schema is the reader.
	newReads bool
	// asked is true when the level asks about it, so that a registry refuses.
	asked bool
	// versions are those that it is about, the newest first.
	versions []string
	level    walk.Level
}

func violationsOf(e *model.Event, v history.Version, level walk.Level, counts bool) []violation {
	var list []violation
	for _, newReads := range []bool{true, false} {
		reader, writer, asked := e.Schema, v.Event.Schema, level.Backward()
		if !newReads {
			reader, writer, asked = writer, reader, level.Forward()
		}
		for _, i := range walk.Check(reader, writer) {
			list = append(list, violation{Incompatibility: i, newReads: newReads, asked: asked && counts, versions: []string{v.Name}, level: level})
		}
	}
	return list
}

// pos is the place in the new schema, and was that in the old one.
func (v violation) pos() avro.Pos {
	if v.newReads {
		return v.ReaderPos
	}
	return v.WriterPos
}

func (v violation) was() avro.Pos {
	if v.newReads {
		return v.WriterPos
	}
	return v.ReaderPos
}

// same reports whether two violations are one, found in several versions or
// where Java repeats it.
func (v violation) same(w violation) bool {
	return v.newReads == w.newReads && v.Type == w.Type && v.Path == w.Path && v.Message == w.Message
}

// without leaves out what an older version of the contract broke already.
func without(list, known []violation) []violation {
	return slices.DeleteFunc(list, func(v violation) bool { return slices.ContainsFunc(known, v.same) })
}

// merge makes one of violations that are the same. The newest version comes
// first and gives the place; if any of them counts for the registry, all do.
func merge(list []violation) []violation {
	var merged []violation
	for _, v := range list {
		i := slices.IndexFunc(merged, func(m violation) bool { return m.same(v) && m.pos() == v.pos() })
		if i < 0 {
			merged = append(merged, v)
			continue
		}
		m := &merged[i]
		m.asked = m.asked || v.asked
		if !slices.Contains(m.versions, v.versions[0]) {
			m.versions = append(m.versions, v.versions[0])
		}
	}
	return merged
}

func (c *change) diagnostic(v violation) diag.Diagnostic {
	text := explain(v)
	d := diag.New(v.rule(), v.pos(), text.message).Because(v.cause(), text.fix)
	d.Change = diag.Change{
		Event: c.new.Topic, Field: v.Path, Type: string(v.Type), Pointer: v.Pointer, Reason: v.Message,
		Was:      fmt.Sprintf("%s, %s", v.was(), listed(v.versions)),
		Registry: v.registry(c.new.Topic) + c.levelNow(v), Readers: c.tellDecoding(v),
	}
	return d
}

func (v violation) rule() diag.Rule {
	switch {
	case !v.asked:
		return diag.CompatBeyondLevel
	case v.newReads:
		return diag.CompatBackward
	}
	return diag.CompatForward
}

func (v violation) cause() string {
	if v.newReads {
		return "the new schema cannot read events that were written before" + v.branches()
	}
	return "consumers that still have the earlier schema cannot read new events" + v.branches()
}

// branches says why the branch that should do does not, which Java leaves out.
func (v violation) branches() string {
	var b strings.Builder
	for _, c := range v.Causes {
		fmt.Fprintf(&b, "; its branch %s: %s at %s: %s", cmp.Or(c.Path, "of that type"), c.Type, c.Pointer, c.Message)
	}
	return b.String()
}

func (v violation) registry(topic string) string {
	if v.asked {
		return fmt.Sprintf("409 to a new version of %s-value, whose level is %s", topic, v.level)
	}
	return fmt.Sprintf("200, the level %s does not ask about it", v.level)
}

// levelNow says that a registry has another level than the contract.
func (c *change) levelNow(v violation) string {
	if c.level == "" || c.level == string(v.level) {
		return ""
	}
	return fmt.Sprintf("; it has %s now, until pl-gen register sets the contract's", c.level)
}

// mostListed is how many versions are named one by one.
const mostListed = 3

func listed(names []string) string {
	if len(names) > mostListed {
		return fmt.Sprintf("%s and %d earlier versions", names[0], len(names)-1)
	}
	return strings.Join(names, ", ")
}

// words say what is wrong and what to do.
type words struct{ message, fix string }

func explain(v violation) words {
	field := cmp.Or(v.Path, "the event")
	name := field[strings.LastIndexByte(field, '.')+1:]
	if e, ok := explanations[v.Type]; ok {
		return e(v, field, name)
	}
	return words{v.Message, "simplify the schema"}
}

const (
	nextVersion = "or publish a new version of the event, in a directory of its own, and both of them for as long as the old one is consumed"
	newField    = "leave the field as it is and add one of the new type, with a default, under another name; " + nextVersion
)

var explanations = map[walk.Type]func(v violation, field, name string) words{
	walk.MissingDefaultValue: func(v violation, field, name string) words {
		if v.newReads {
			return words{fmt.Sprintf("the new field %s has no default", field),
				fmt.Sprintf("give %s a default, which is what readers get for events without it", name)}
		}
		return words{fmt.Sprintf("the field %s is removed, and has no default for those who read it", field),
			fmt.Sprintf("put %s back; %s", name, nextVersion)}
	},
	walk.TypeMismatch: func(v violation, field, _ string) words {
		return words{fmt.Sprintf("the type of %s changes: %s", field, lower(v.Message)), newField}
	},
	walk.MissingUnionBranch: func(v violation, field, _ string) words {
		fix := "keep the type in the union; " + nextVersion
		if !v.newReads {
			fix = newField
		}
		return words{fmt.Sprintf("a type of %s is not in the reader's union: %s", field, lower(v.Message)), fix}
	},
	walk.MissingEnumSymbols: func(v violation, field, _ string) words {
		symbols := strings.Trim(v.Message, "[]")
		if v.newReads {
			return words{fmt.Sprintf("%s loses the symbols %s, and its enum has no default", field, symbols),
				"put the symbols back, or give the enum a default, which is what readers get for them"}
		}
		return words{fmt.Sprintf("%s gets the symbols %s, and its enum had no default", field, symbols),
			"give the enum a default first, deploy all consumers, then add the symbols"}
	},
	walk.NameMismatch: func(v violation, field, _ string) words {
		old := strings.TrimPrefix(v.Message, "expected: ")
		if v.newReads {
			return words{fmt.Sprintf("the type of %s is renamed: its data was written as %s", field, old),
				fmt.Sprintf("keep the name, or add \"aliases\": [%q] to the type", old)}
		}
		return words{fmt.Sprintf("the type of %s is renamed to %s, which earlier schemas do not know", field, old),
			"keep the name; an alias helps only readers of the new schema"}
	},
	walk.FixedSizeMismatch: func(v violation, field, _ string) words {
		return words{fmt.Sprintf("the size of %s changes: %s", field, v.Message), newField}
	},
	walk.AmbiguousAlias: func(v violation, field, _ string) words {
		return words{fmt.Sprintf("%s matches two fields of the other version, by its name and an alias", field),
			"remove the alias, or one of the two fields"}
	},
}

// lower writes Java's kinds as schemas do.
func lower(message string) string { return strings.ToLower(message) }
