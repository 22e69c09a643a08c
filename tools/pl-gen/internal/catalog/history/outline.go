package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An outline is what a schema text says, as attributes of paths: the path
// "results.choice" has the attributes "type", "default" and "doc". It is read
// from the text alone, so that a text of any age can be read, also where what
// it refers to is gone.
type outline struct {
	// paths are in the order of the text.
	paths []string
	says  map[string]map[string]string
}

// outlineOf reads a text; one that is not a schema has an empty outline.
func outlineOf(text []byte) *outline {
	o := &outline{says: map[string]map[string]string{}}
	o.definition(text, "")
	return o
}

func (o *outline) say(path, attribute, value string) {
	if o.says[path] == nil {
		o.paths = append(o.paths, path)
		o.says[path] = map[string]string{}
	}
	o.says[path][attribute] = value
}

// A definition is the members of a schema object that matter.
type definition struct {
	Type        json.RawMessage            `json:"type"`
	Name        string                     `json:"name"`
	Doc         string                     `json:"doc"`
	Fields      []json.RawMessage          `json:"fields"`
	Symbols     []string                   `json:"symbols"`
	Default     json.RawMessage            `json:"default"`
	Items       json.RawMessage            `json:"items"`
	Values      json.RawMessage            `json:"values"`
	LogicalType string                     `json:"logicalType"`
	Precision   int                        `json:"precision"`
	Scale       int                        `json:"scale"`
	Size        int                        `json:"size"`
	Aliases     []string                   `json:"aliases"`
	PL          map[string]json.RawMessage `json:"pl"`
}

// definition outlines the schema at path and returns its text as a type.
func (o *outline) definition(raw json.RawMessage, path string) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "?"
	}
	switch raw[0] {
	case '"':
		var name string
		_ = json.Unmarshal(raw, &name) // what is no string has no name
		return name[strings.LastIndexByte(name, '.')+1:]
	case '[':
		return o.union(raw, path)
	}
	var d definition
	if json.Unmarshal(raw, &d) != nil {
		return "?"
	}
	return o.object(&d, path)
}

func (o *outline) union(raw json.RawMessage, path string) string {
	var branches []json.RawMessage
	if json.Unmarshal(raw, &branches) != nil {
		return "?"
	}
	names := make([]string, len(branches))
	for i, b := range branches {
		names[i] = o.definition(b, path)
	}
	return strings.Join(names, " | ")
}

func (o *outline) object(d *definition, path string) string {
	var kind string
	if json.Unmarshal(d.Type, &kind) != nil {
		return o.definition(d.Type, path)
	}
	switch kind {
	case "record", "error":
		o.record(d, path)
		return d.Name
	case "enum":
		o.enum(d, path)
		return d.Name
	case "fixed":
		return logical(d, fmt.Sprintf("%s, %d bytes", d.Name, d.Size))
	case "array":
		return "array<" + o.definition(d.Items, path) + ">"
	case "map":
		return "map<" + o.definition(d.Values, path) + ">"
	}
	return logical(d, kind)
}

func logical(d *definition, base string) string {
	switch d.LogicalType {
	case "":
		return base
	case "decimal":
		return fmt.Sprintf("decimal(%d,%d)", d.Precision, d.Scale)
	}
	return d.LogicalType
}

func (o *outline) record(d *definition, path string) {
	if path == "" {
		o.settings("", d)
	}
	for _, raw := range d.Fields {
		var f definition
		if json.Unmarshal(raw, &f) != nil {
			continue
		}
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		o.say(at, "type", "")
		o.says[at]["type"] = o.definition(f.Type, at)
		o.settings(at, &f)
	}
}

// settings notes what is said of a record or a field beside its type.
func (o *outline) settings(path string, d *definition) {
	if d.Doc != "" {
		o.say(path, "doc", d.Doc)
	}
	if d.Default != nil {
		o.say(path, "default", compact(d.Default))
	}
	if len(d.Aliases) > 0 {
		o.say(path, "aliases", strings.Join(d.Aliases, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(d.PL)) {
		o.say(path, name, compact(d.PL[name]))
	}
}

func (o *outline) enum(d *definition, path string) {
	for _, s := range d.Symbols {
		o.say(path+" = "+s, "symbol", s)
	}
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}
