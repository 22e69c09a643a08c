package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// What an event gets that does not say otherwise.
const (
	defaultCompatibility = "FULL_TRANSITIVE"
	defaultPartitions    = 12
	defaultRetention     = 7 * 24 * time.Hour
	maxPartitions        = 1000
)

var compatibilityLevels = []string{
	"BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE",
}

// settings reads the "pl" property of an event's record.
func (b *builder) settings(e *Event, a *source.Avro) {
	e.Compatibility, e.Partitions, e.Retention = defaultCompatibility, defaultPartitions, defaultRetention
	p := properties{b: b, pos: e.Schema.NamePos}
	if raw, ok := e.Schema.Props["pl"]; ok {
		p.pos = e.Schema.PropPos["pl"]
		p.file = a.Text
		if json.Unmarshal(raw, &p.values) != nil {
			b.report(diag.New(diag.PropertyUnknown, p.pos, `"pl" is not an object`).Because(
				"its members say what the schema language cannot", `write "pl": {"key": "…"}`))
			return
		}
	}
	p.key(e)
	p.subject(e)
	p.broker(e)
	p.realtime(e)
}

// properties are the members of one "pl" object.
type properties struct {
	b      *builder
	values map[string]json.RawMessage
	// file is the schema's text, in which places are looked for when there is a
	// finding.
	file []byte
	pos  Pos
}

func (p *properties) at(name string) Pos {
	return propPos(source.Places(p.file, p.pos), "/"+name, p.pos)
}

// text returns a member that should be a string; ok is false when it is
// absent or something else, which is reported.
func (p *properties) text(name string, rule diag.Rule) (string, bool) {
	raw, ok := p.values[name]
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || string(raw) == "null" {
		p.b.report(diag.New(rule, p.at(name), fmt.Sprintf("%q is not a string", name)).Because(
			"the value is JSON of another kind", fmt.Sprintf(`write %q: "…"`, name)))
		return "", false
	}
	return s, true
}

func (p *properties) key(e *Event) {
	if _, ok := p.values["key"]; !ok {
		p.b.report(diag.New(diag.EventKeyField, p.pos, "the event "+e.GoName+" names no key").Because(
			"events with the same key keep their order; which field that is has to be decided once, for all consumers",
			`add "pl": {"key": "<field>"}, or "key": "" for an event whose order does not matter`))
		return
	}
	name, ok := p.text("key", diag.EventKeyField)
	if !ok || name == "" {
		return
	}
	f := p.field(e, name, "key", diag.EventKeyField)
	if f != nil && p.keyType(f) {
		e.Key = f
	}
}

func (p *properties) keyType(f *avro.Field) bool {
	if isIdentifier(f.Type) {
		return true
	}
	p.b.report(diag.New(diag.EventKeyType, f.TypePos, fmt.Sprintf("the key %s is %s", f.Name, describe(f.Type))).Because(
		"a key is one required field of type string, uuid, int, long or enum: its text decides the partition, so it must always be there and have one spelling",
		"make the field one of these types, choose another field, or write \"key\": \"\" for an unordered event"))
	return false
}

// isIdentifier reports whether a field of the type can be a key, a subject or
// a part of a channel's name.
func isIdentifier(s *avro.Schema) bool {
	switch s.Kind {
	case avro.String:
		return s.LogicalType == "" || s.LogicalType == "uuid"
	case avro.Int, avro.Long:
		return s.LogicalType == ""
	case avro.Enum:
		return true
	}
	return false
}

func describe(s *avro.Schema) string {
	switch {
	case s.Kind == avro.Union && slices.ContainsFunc(s.Branches, func(b *avro.Schema) bool { return b.Kind == avro.Null }):
		return "nullable"
	case s.LogicalType != "":
		return "of type " + s.LogicalType
	}
	return "of type " + s.Kind.String()
}

func (p *properties) field(e *Event, name, property string, rule diag.Rule) *avro.Field {
	for _, f := range e.Schema.Fields {
		if f.Name == name {
			return f
		}
	}
	p.b.report(diag.New(rule, p.at(property), fmt.Sprintf("%q names the field %q, which %s does not have", property, name, e.GoName)).Because(
		"it has to be one of the record's own fields", suggestField(e.Schema, name)))
	return nil
}

func suggestField(s *avro.Schema, name string) string {
	names := make([]string, 0, len(s.Fields))
	for _, f := range s.Fields {
		names = append(names, f.Name)
	}
	return diag.Suggest(name, names)
}

func (p *properties) subject(e *Event) {
	name, ok := p.text("subject", diag.EventSubject)
	if !ok {
		return
	}
	f := p.field(e, name, "subject", diag.EventSubject)
	switch {
	case f == nil:
	case isIdentifier(f.Type):
		e.Subject = f
	default:
		p.b.report(diag.New(diag.EventSubject, f.TypePos, fmt.Sprintf("the subject %s is %s", f.Name, describe(f.Type))).Because(
			"the CloudEvents subject is a text that is never empty, so the field must be a required string, uuid, int, long or enum",
			"choose another field, or leave \"subject\" out"))
	}
}

func (p *properties) broker(e *Event) {
	if level, ok := p.text("compat", diag.EventSetting); ok {
		e.Compatibility = level
		if !slices.Contains(compatibilityLevels, level) {
			p.setting("compat", fmt.Sprintf("%q is no compatibility level", level), diag.Suggest(level, compatibilityLevels))
		}
	}
	if raw, ok := p.values["partitions"]; ok {
		n, err := strconv.Atoi(string(raw))
		if err != nil || n < 1 || n > maxPartitions {
			p.setting("partitions", fmt.Sprintf("%s is no number of partitions", raw), fmt.Sprintf("write a number from 1 to %d", maxPartitions))
			return
		}
		e.Partitions = int32(n)
	}
	if text, ok := p.text("retention", diag.EventSetting); ok {
		d, err := parseRetention(text)
		if err != nil {
			p.setting("retention", fmt.Sprintf("%q is no retention: %v", text, err), `write days or hours, for example "30d" or "12h"`)
		}
		e.Retention = d
	}
}

func (p *properties) setting(name, message, fix string) {
	p.b.report(diag.New(diag.EventSetting, p.at(name), message).Because(
		"the topic is created with it, and the broker or registry would refuse it", fix))
}

// parseRetention reads a number of days ("30d") or a Go duration, from one
// minute to a hundred years.
func parseRetention(text string) (time.Duration, error) {
	const most = 100 * 365 * 24 * time.Hour
	var d time.Duration
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > 36500 {
			return 0, fmt.Errorf("%q is not a number of days up to 36500", days)
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		var err error
		if d, err = time.ParseDuration(text); err != nil {
			return 0, fmt.Errorf("it is neither days nor a Go duration")
		}
	}
	if d < time.Minute || d > most {
		return 0, fmt.Errorf("it is not between a minute and a hundred years")
	}
	return d, nil
}

func (p *properties) realtime(e *Event) {
	pattern, ok := p.text("realtime", diag.EventRealtime)
	if !ok {
		return
	}
	e.Realtime, e.RealtimePos = pattern, p.at("realtime")
	fields, err := channelFields(pattern)
	if err != nil {
		p.b.report(diag.New(diag.EventRealtime, p.at("realtime"), fmt.Sprintf("the channel %q is malformed: %v", pattern, err)).Because(
			"a channel is letters, digits and : . _ - with fields in braces", `write for example "user:{studentId}"`))
		return
	}
	for _, name := range fields {
		f := p.field(e, name, "realtime", diag.EventRealtime)
		if f != nil && !isIdentifier(f.Type) {
			p.b.report(diag.New(diag.EventRealtime, p.at("realtime"), fmt.Sprintf("the channel's field %s is %s", name, describe(f.Type))).Because(
				"its text names the channel, so it must be a required string, uuid, int, long or enum", "choose another field"))
		}
	}
}

// channelFields returns the fields in a channel's pattern.
func channelFields(pattern string) ([]string, error) {
	if pattern == "" {
		return nil, fmt.Errorf("it is empty")
	}
	var fields []string
	for rest := pattern; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if i := strings.IndexFunc(literal, notChannel); i >= 0 {
			return nil, fmt.Errorf("%q is not allowed in it", literal[i:i+1])
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return nil, fmt.Errorf("a brace is not closed, or empty")
		}
		fields = append(fields, name)
		rest = tail
	}
	return fields, nil
}

func notChannel(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(":._-", r))
}

// PIIKinds returns the kinds of personal data that a field can hold.
func PIIKinds() []string { return []string{"name", "email", "contact", "free_text"} }

// Properties returns the names that may stand under "pl" of a record, and of
// a field.
func Properties() (record, field []string) {
	return slices.Sorted(maps.Keys(recordProperties)), []string{"allow", "pii"}
}

var recordProperties = map[string]bool{
	"key": true, "subject": true, "compat": true, "partitions": true, "retention": true, "realtime": true, "allow": true,
}
