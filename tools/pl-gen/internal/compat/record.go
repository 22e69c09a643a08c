package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// named compares the names, aliases and docs of two types.
func (w *walker) named(old, new *avro.Schema, path string) {
	if !sameName(old, new) {
		w.report(Renamed, path, new.NamePos, old.NamePos, text{
			fmt.Sprintf("the %s %s is renamed to %s", new.Kind, old.FullName(), new.FullName()),
			"types are matched by name: to a reader of the new schema, data written under the old name is of another type",
			fmt.Sprintf(`add "aliases": [%q] to %s, or keep the name`, old.FullName(), new.Name)})
	}
	for _, alias := range old.Aliases {
		if !slices.Contains(new.Aliases, alias) && new.FullName() != alias {
			w.aliasRemoved(path, alias, "the "+new.Kind.String()+" "+new.Name, property(new, "aliases"), property(old, "aliases"))
		}
	}
	if new.Doc == "" && old.Doc != "" {
		w.noDoc(path, new.NamePos, old.NamePos, fmt.Sprintf("the %s %s has lost its doc", new.Kind, new.Name))
	}
}

func (w *walker) aliasRemoved(path, alias, of string, pos, oldPos avro.Pos) {
	w.report(AliasRemoved, path, pos, oldPos, text{
		fmt.Sprintf("%s loses the alias %q", of, alias),
		"events written under that name may still be on the topic, in a dead letter or in an archive; without the alias they are read as if it were missing, or not at all",
		fmt.Sprintf("put %q back until the last event under that name is gone", alias)})
}

func (w *walker) noDoc(path string, pos, oldPos avro.Pos, message string) {
	w.report(Doc, path, pos, oldPos, text{message,
		"the doc is what consumers in other teams have; generated code and the catalog take their words from it",
		`add "doc": "…", a sentence that says what it stands for`})
}

// record compares the fields of two records.
func (w *walker) record(old, new *avro.Schema, path string) {
	var gone []*avro.Field
	added := slices.Clone(new.Fields)
	for _, f := range old.Fields {
		i := slices.IndexFunc(added, func(n *avro.Field) bool { return n.Name == f.Name })
		if i < 0 {
			i = slices.IndexFunc(added, func(n *avro.Field) bool { return slices.Contains(n.Aliases, f.Name) })
		}
		if i < 0 {
			gone = append(gone, f)
			continue
		}
		w.field(f, added[i], join(path, added[i].Name))
		added = slices.Delete(added, i, i+1)
	}
	for _, f := range added {
		w.added(f, join(path, f.Name))
	}
	for _, f := range gone {
		if h := heir(old, new, f, added); h != nil {
			w.renamed(f, h, path)
			added = slices.DeleteFunc(added, func(a *avro.Field) bool { return a == h })
		}
	}
}

func (w *walker) field(old, new *avro.Field, path string) {
	for _, alias := range old.Aliases {
		if !slices.Contains(new.Aliases, alias) && new.Name != alias {
			w.aliasRemoved(path, alias, "the field "+path, fieldProperty(new, "aliases"), fieldProperty(old, "aliases"))
		}
	}
	w.pii(old, new, path)
	if new.Doc == "" && old.Doc != "" {
		w.noDoc(path, new.NamePos, old.NamePos, "the field "+path+" has lost its doc")
	}
	w.schemas(old.Type, new.Type, path)
}

func fieldProperty(f *avro.Field, name string) avro.Pos {
	if at, ok := f.PropPos[name]; ok {
		return at
	}
	return f.NamePos
}

func (w *walker) added(f *avro.Field, path string) {
	if strings.TrimSpace(f.Doc) == "" {
		w.noDoc(path, f.NamePos, avro.Pos{}, "the new field "+path+" has no doc")
	}
}

// renamed reports a field that is gone, but lives on under another name.
func (w *walker) renamed(gone, heir *avro.Field, path string) {
	w.report(Renamed, join(path, heir.Name), heir.NamePos, gone.NamePos, text{
		fmt.Sprintf("the field %s is gone, and %s looks like it under another name", join(path, gone.Name), heir.Name),
		"fields are matched by name: what was written under the old name is lost to readers of the new schema, which take the default instead",
		fmt.Sprintf(`add "aliases": [%q] to %s, or keep the name`, gone.Name, heir.Name)})
}

// heir returns the new field of the same type in the same place or with a
// similar name, or nil.
func heir(old, new *avro.Schema, gone *avro.Field, added []*avro.Field) *avro.Field {
	at := slices.Index(old.Fields, gone)
	var same []*avro.Field
	for _, f := range added {
		if bytes.Equal(avro.Canonical(bare(f.Type)), avro.Canonical(bare(gone.Type))) {
			same = append(same, f)
		}
	}
	for _, f := range same {
		if similar(gone.Name, f.Name) {
			return f
		}
	}
	for _, f := range same {
		if slices.Index(new.Fields, f) == at {
			return f
		}
	}
	return nil
}

// bare leaves out that a type may be null.
func bare(s *avro.Schema) *avro.Schema {
	if rest := values(slices.Clone(s.Branches)); s.Kind == avro.Union && len(rest) == 1 {
		return rest[0]
	}
	return s
}

func similar(a, b string) bool {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "") }
	a, b = fold(a), fold(b)
	return diag.Near(a, []string{b}) || len(a) > 2 && strings.HasPrefix(b, a) || len(b) > 2 && strings.HasPrefix(a, b)
}

func (w *walker) pii(old, new *avro.Field, path string) {
	before, after := piiOf(old), piiOf(new)
	if before == after {
		return
	}
	t := text{fmt.Sprintf("the tag pii of %s changes from %q to %q", path, before, after),
		"it decides how the value is redacted and encrypted, and events with the old tag stay as they were written",
		"keep the tag, or say in a waiver what becomes of the events that are written already"}
	switch {
	case before == "":
		t.message = fmt.Sprintf("%s becomes personal data (%s)", path, after)
		t.cause = "events that are written already hold it in the clear, on the topic and in every consumer's tables, logs and archives"
		t.fix = "plan how the old events are purged or rewritten, and say so in a waiver; or add a new field that is tagged from the start"
	case after == "":
		t.message = fmt.Sprintf("%s is no longer tagged as personal data (%s)", path, before)
		t.cause = "from now on it is written in the clear and shows up in logs"
		t.fix = "put the tag back, or say in a waiver why this is no personal data"
	}
	w.report(PII, path, fieldProperty(new, "pl"), fieldProperty(old, "pl"), t)
}

// piiOf returns the kind of personal data that a field is tagged with, or "".
func piiOf(f *avro.Field) string {
	var pl struct {
		PII string `json:"pii"`
	}
	if raw, ok := f.Props["pl"]; !ok || json.Unmarshal(raw, &pl) != nil {
		return ""
	}
	return pl.PII
}

// symbols compares the symbols of two enums.
func (w *walker) symbols(old, new *avro.Schema, path string) {
	if old.Default != "" {
		return
	}
	for i, symbol := range new.Symbols {
		if slices.Contains(old.Symbols, symbol) {
			continue
		}
		w.report(EnumDefault, path, new.SymbolPos[i], old.NamePos, text{
			fmt.Sprintf("the enum %s gets the symbol %s, and had no default before", new.Name, symbol),
			"consumers that still have the old schema cannot read the new symbol: each such event fails there until they are deployed",
			fmt.Sprintf(`give %s a "default" first, deploy all consumers, then add the symbol`, new.Name)})
	}
}
