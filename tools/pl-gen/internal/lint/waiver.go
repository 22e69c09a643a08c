package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A waiver is one member of "allow".
type waiver struct {
	Rule   diag.Rule `json:"rule"`
	Reason string    `json:"reason"`
}

// waivers checks the waivers in a "pl" object.
func (c *checker) waivers(raw json.RawMessage, places func() map[string]diag.Pos) {
	if raw == nil {
		return
	}
	var list []waiver
	if json.Unmarshal(raw, &list) != nil {
		c.waiver(places()["/allow"], `"allow" is not a list of objects with a rule and a reason`,
			`write "allow": [{"rule": "EVENT_ORPHAN", "reason": "…"}]`)
		return
	}
	for i, w := range list {
		at := func() diag.Pos { return places()["/allow/"+strconv.Itoa(i)] }
		switch {
		case !w.Rule.Known():
			c.waiver(at(), fmt.Sprintf("%q is no rule", w.Rule), diag.Suggest(string(w.Rule), waivable()))
		case !w.Rule.Info().Waivable:
			c.waiver(at(), fmt.Sprintf("%s cannot be waived", w.Rule), "correct what it finds; only these can be waived: "+strings.Join(waivable(), ", "))
		case strings.TrimSpace(w.Reason) == "":
			c.waiver(at(), fmt.Sprintf("the waiver of %s has no reason", w.Rule), `add "reason": "…", for whoever reads the contract next`)
		}
	}
}

func (c *checker) waiver(pos diag.Pos, message, fix string) {
	c.report(diag.New(diag.PropertyAllow, pos, message).Because(
		"a waiver without a valid rule and a reason would silence nothing, or for ever", fix))
}

func waivable() []string {
	var names []string
	for _, info := range diag.Rules() {
		if info.Waivable {
			names = append(names, string(info.Rule))
		}
	}
	return names
}

// Waive removes the findings that a schema allows: a waiver on a record or
// field covers everything within its braces.
func Waive(set *source.Set, found []diag.Diagnostic) []diag.Diagnostic {
	var areas []area
	for _, a := range set.Avro {
		if a.Schema != nil {
			areas = append(areas, areasOf(a)...)
		}
	}
	return waive(areas, found)
}

// WaiveSince removes the findings that a schema allows by a waiver that it did
// not have in old: whoever waives a change does not waive the next one.
func WaiveSince(old, set *source.Set, found []diag.Diagnostic) []diag.Diagnostic {
	var areas []area
	for _, a := range set.Avro {
		if a.Schema == nil {
			continue
		}
		spent := spentIn(old, a.Path)
		areas = append(areas, slices.DeleteFunc(areasOf(a), func(w area) bool { return slices.Contains(spent, w.waiver) })...)
	}
	return waive(areas, found)
}

// spentIn returns the waivers that a file had in old.
func spentIn(old *source.Set, path string) []waiver {
	var spent []waiver
	for _, a := range old.Avro {
		if a.Path == path && a.Schema != nil {
			for _, w := range areasOf(a) {
				spent = append(spent, w.waiver)
			}
		}
	}
	return spent
}

func waive(areas []area, found []diag.Diagnostic) []diag.Diagnostic {
	return slices.DeleteFunc(found, func(d diag.Diagnostic) bool {
		return d.Rule.Info().Waivable && slices.ContainsFunc(areas, func(a area) bool { return a.covers(d) })
	})
}

// An area is a part of a file in which a rule is waived.
type area struct {
	waiver
	from, to diag.Pos
}

func (a area) covers(d diag.Diagnostic) bool {
	return a.Rule == d.Rule && a.from.File == d.Pos.File && !before(d.Pos, a.from) && before(d.Pos, a.to)
}

func before(a, b diag.Pos) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
}

func areasOf(a *source.Avro) []area {
	w := &walker{file: a.Path, seen: map[*avro.Schema]bool{}}
	w.visit(a.Schema)
	var areas []area
	for _, s := range w.schemas {
		areas = append(areas, areasIn(a, s.Props["pl"], s.Pos)...)
		for _, f := range s.Fields {
			areas = append(areas, areasIn(a, f.Props["pl"], f.Pos)...)
		}
	}
	return areas
}

func areasIn(a *source.Avro, raw json.RawMessage, from diag.Pos) []area {
	var pl struct {
		Allow []waiver `json:"allow"`
	}
	if raw == nil || json.Unmarshal(raw, &pl) != nil {
		return nil
	}
	var areas []area
	for _, w := range pl.Allow {
		if strings.TrimSpace(w.Reason) != "" {
			areas = append(areas, area{w, from, source.End(a.Text, from)})
		}
	}
	return areas
}
