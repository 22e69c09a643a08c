package repair

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	walk "github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// An edit puts a text behind the JSON value at a place, or into the array
// there. The line of the value, and so that of everything else, stays.
type edit struct {
	at     avro.Pos
	behind string
	// into is put first into the array at the place, in place of behind.
	into string
	what string
}

// apply returns the changed text; ok is false when there is no value at the
// place. Edits before it on the same line have moved it.
func (e edit) apply(text []byte) ([]byte, bool) {
	at, ok := source.Offset(text, e.at)
	if !ok {
		return nil, false
	}
	if e.into != "" {
		if text[at] != '[' {
			return nil, false
		}
		comma := ", "
		if rest := bytes.TrimLeft(text[at+1:], " \t\r\n"); bytes.HasPrefix(rest, []byte("]")) {
			comma = ""
		}
		return slices.Concat(text[:at+1], []byte(e.into+comma), text[at+1:]), true
	}
	end, ok := source.Offset(text, source.End(text, e.at))
	if !ok || end <= at {
		return nil, false
	}
	return slices.Concat(text[:end], []byte(e.behind), text[end:]), true
}

// distinct leaves out edits that several events ask for, and orders the others
// from the end of a file to its beginning, so that none moves the next.
func distinct(edits []edit) []edit {
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.at.File != b.at.File {
			return strings.Compare(a.at.File, b.at.File)
		}
		if a.at.Line != b.at.Line {
			return b.at.Line - a.at.Line
		}
		return b.at.Col - a.at.Col
	})
	return slices.Compact(edits)
}

// propose returns what can be done about the findings on one event.
func propose(old, new *model.Event, found []diag.Diagnostic) []edit {
	var edits []edit
	for _, f := range compat.Findings(old, new) {
		if !stands(found, f.Rule, new.Topic, f.Path) {
			continue // waived
		}
		switch f.Rule {
		case compat.Renamed:
			edits = append(edits, renamed(old, new, f)...)
		case compat.AliasRemoved:
			edits = append(edits, aliasLost(old, new, f)...)
		}
	}
	for _, v := range walk.Check(new.Schema, old.Schema) {
		switch v.Type {
		case walk.MissingDefaultValue:
			edits = append(edits, nullDefault(new, v)...)
		case walk.MissingEnumSymbols:
			edits = append(edits, enumDefault(new, v)...)
		}
	}
	return edits
}

func stands(found []diag.Diagnostic, rule diag.Rule, topic, path string) bool {
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		return d.Rule == rule && d.Change.Event == topic && d.Change.Field == path
	})
}

// renamed adds the old name as an alias.
func renamed(old, new *model.Event, f compat.Finding) []edit {
	was, is := find(old.Schema, f.OldPos), find(new.Schema, f.Pos)
	if was.name == "" || is.name == "" {
		return nil
	}
	name := was.name
	if was.namespace != is.namespace {
		name = was.namespace + "." + name
	}
	return []edit{alias(is, name, fmt.Sprintf("%s gets the alias %q, its name before; check that it is the same", is.name, name))}
}

// aliasLost puts aliases back.
func aliasLost(old, new *model.Event, f compat.Finding) []edit {
	was, is := find(old.Schema, f.OldPos), find(new.Schema, f.Pos)
	var edits []edit
	for _, name := range was.aliases {
		if is.name != "" && !slices.Contains(is.aliases, name) {
			edits = append(edits, alias(is, name, fmt.Sprintf("%s gets its alias %q back", is.name, name)))
		}
	}
	return edits
}

func alias(is element, name, what string) edit {
	if at, ok := is.props["aliases"]; ok {
		return edit{at: at, into: fmt.Sprintf("%q", name), what: what}
	}
	return edit{at: is.namePos, behind: fmt.Sprintf(`, "aliases": [%q]`, name), what: what}
}

// nullDefault gives a new field null as its default if null is its first type.
func nullDefault(new *model.Event, v walk.Incompatibility) []edit {
	f := find(new.Schema, v.ReaderPos).field
	if f == nil || f.Type.Kind != avro.Union || len(f.Type.Branches) == 0 || f.Type.Branches[0].Kind != avro.Null {
		return nil
	}
	return []edit{{at: f.TypePos, behind: `, "default": null`, what: fmt.Sprintf("the new field %s gets the default null", v.Path)}}
}

// unknown is the symbol that stands for what a reader does not know.
const unknown = "UNKNOWN"

func enumDefault(new *model.Event, v walk.Incompatibility) []edit {
	enum := find(new.Schema, v.ReaderPos).schema
	if enum == nil || enum.Kind != avro.Enum || !slices.Contains(enum.Symbols, unknown) {
		return nil
	}
	return []edit{{at: enum.PropPos["symbols"], behind: fmt.Sprintf(`, "default": %q`, unknown),
		what: fmt.Sprintf("the enum %s gets the default %s", enum.Name, unknown)}}
}

// An element is a field or a named type.
type element struct {
	name, namespace string
	aliases         []string
	namePos         avro.Pos
	props           map[string]avro.Pos
	field           *avro.Field
	schema          *avro.Schema
}

// find returns the element whose name, or one of whose properties, stands at a
// place; it is empty if there is none.
func find(s *avro.Schema, at avro.Pos) element {
	if at.Line == 0 {
		return element{}
	}
	for t := range source.Types(s) {
		if e := (element{t.Name, t.Namespace, t.Aliases, t.NamePos, t.PropPos, nil, t}); t.Name != "" && e.at(at) {
			return e
		}
		for _, f := range t.Fields {
			if e := (element{f.Name, "", f.Aliases, f.NamePos, f.PropPos, f, nil}); e.at(at) {
				return e
			}
		}
	}
	return element{}
}

func (e element) at(pos avro.Pos) bool {
	return e.namePos == pos || e.schema != nil && e.schema.Pos == pos || e.props["aliases"] == pos || e.props["symbols"] == pos
}
