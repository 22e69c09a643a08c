package avro

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unknown reports a reference to a type that nobody defines.
func (p *parser) unknown(ref reference) {
	if len(p.faults) >= maxFaults {
		return
	}
	fix := "define it, or name it in full"
	if near := p.similar(ref.name); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	p.fault(ref.at, CodeUnknownType, fix, "the type %q is not defined", ref.at.text)
}

// similar returns a known name that is like one that nobody defines: equal but
// for case or namespace, or else misspelt by a letter.
func (p *parser) similar(name string) string {
	_, simple, _ := splitName(name)
	candidates := p.candidates()
	equal := func(c string) bool { return strings.EqualFold(simpleName(c), simple) }
	if i := slices.IndexFunc(candidates, equal); i >= 0 {
		return candidates[i]
	}
	misspelt := func(c string) bool { return oneEdit(simpleName(c), simple) }
	if i := slices.IndexFunc(candidates, misspelt); i >= 0 {
		return candidates[i]
	}
	return ""
}

// candidates returns the names that may be meant, the text's own ones first.
func (p *parser) candidates() []string {
	if p.suggestions == nil {
		p.suggestions = slices.Concat(slices.Sorted(maps.Keys(p.defined)), slices.Sorted(maps.Keys(primitives)))
		if p.known != nil {
			p.suggestions = append(p.suggestions, slices.Sorted(maps.Keys(p.known.byName))...)
		}
	}
	return p.suggestions
}

func simpleName(name string) string {
	_, simple, _ := splitName(name)
	return simple
}

// oneEdit reports whether one letter more, less or other makes a into b.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || len(a) < 3 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i < len(a) && a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}
