package compat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

func parse(t *testing.T, file, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(file, []byte(text), nil)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s
}

// record writes a record, one field a line, so that line 2 is the first field.
func record(fields ...string) string {
	return `{"type": "record", "name": "Paid", "namespace": "pl.shop.v1", "fields": [` + "\n" + strings.Join(fields, ",\n") + "\n]}"
}

func field(name, typ string, more ...string) string {
	parts := append([]string{fmt.Sprintf(`{"name": %q`, name), `"doc": "D."`, `"type": ` + typ}, more...)
	return strings.Join(parts, ", ") + "}"
}

func logical(kind, name string) string {
	return fmt.Sprintf(`{"type": %q, "logicalType": %q}`, kind, name)
}

func decimal(precision, scale int) string {
	return fmt.Sprintf(`{"type": "bytes", "logicalType": "decimal", "precision": %d, "scale": %d}`, precision, scale)
}

const none = ""

// TestFindings changes one thing at a time. Want is "RULE path: message", one
// a line.
func TestFindings(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"nothing changes", field("a", `"long"`), field("a", `"long"`), none},
		{"a scale grows", field("sum", decimal(9, 2)), field("sum", decimal(9, 4)),
			"COMPAT_DECIMAL sum: the scale of sum changes from 2 to 4"},
		{"a precision falls", field("sum", decimal(9, 2)), field("sum", decimal(4, 2)),
			"COMPAT_DECIMAL sum: the precision of sum changes from 9 to 4"},
		{"both, inside a union", field("sum", `["null", `+decimal(9, 2)+`]`), field("sum", `["null", `+decimal(10, 1)+`]`),
			"COMPAT_DECIMAL sum: the precision of sum changes from 9 to 10\nCOMPAT_DECIMAL sum: the scale of sum changes from 2 to 1"},
		{"a decimal becomes plain", field("sum", decimal(9, 2)), field("sum", `"bytes"`),
			"COMPAT_LOGICAL_TYPE sum: sum changes from decimal to plain bytes"},
		{"a unit", field("at", logical("long", "timestamp-millis")), field("at", logical("long", "timestamp-micros")),
			"COMPAT_TIME_UNIT at: at changes from timestamp-millis to timestamp-micros"},
		{"a unit that widens", field("at", logical("int", "time-millis")), field("at", logical("long", "time-micros")),
			"COMPAT_TIME_UNIT at: at changes from time-millis to time-micros"},
		{"nanoseconds", field("at", logical("long", "timestamp-nanos")), field("at", logical("long", "timestamp-micros")),
			"COMPAT_TIME_UNIT at: at changes from timestamp-nanos to timestamp-micros"},
		{"a date becomes a timestamp", field("at", logical("int", "date")), field("at", logical("long", "timestamp-millis")),
			"COMPAT_LOGICAL_TYPE at: at changes from date to timestamp-millis"},
		{"a timestamp becomes local", field("at", logical("long", "timestamp-millis")), field("at", logical("long", "local-timestamp-millis")),
			"COMPAT_LOGICAL_TYPE at: at changes from timestamp-millis to local-timestamp-millis"},
		{"a number becomes a time", field("at", `"long"`), field("at", logical("long", "timestamp-millis")),
			"COMPAT_LOGICAL_TYPE at: at changes from plain long to timestamp-millis"},
		{"bytes become a string", field("a", `"bytes"`), field("a", `"string"`),
			"COMPAT_BYTES_STRING a: a changes from bytes to string"},
		{"a string becomes bytes", field("a", `{"type": "array", "items": "string"}`), field("a", `{"type": "array", "items": "bytes"}`),
			"COMPAT_BYTES_STRING a[]: a[] changes from string to bytes"},
		{"long to double", field("id", `"long"`), field("id", `["null", "double"]`),
			"COMPAT_LOSSY_PROMOTION id: id changes from long to double"},
		{"int to float", field("id", `{"type": "map", "values": "int"}`), field("id", `{"type": "map", "values": "float"}`),
			"COMPAT_LOSSY_PROMOTION id{}: id{} changes from int to float"},
		{"double to long, which old readers promote", field("id", `"double"`), field("id", `"long"`),
			"COMPAT_LOSSY_PROMOTION id: id changes from double to long"},
		{"int to long and int to double lose nothing", field("a", `"int"`) + "," + field("b", `"int"`), field("a", `"long"`) + "," + field("b", `"double"`), none},
		{"a symbol without a default", field("e", `{"type": "enum", "name": "E", "symbols": ["A"]}`), field("e", `{"type": "enum", "name": "E", "symbols": ["B", "A"], "default": "A"}`),
			"COMPAT_ENUM_DEFAULT e: the enum E gets the symbol B, and had no default before"},
		{"a symbol with a default", field("e", `{"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}`), field("e", `{"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "A"}`), none},
		{"a symbol less", field("e", `{"type": "enum", "name": "E", "symbols": ["A", "B"]}`), field("e", `{"type": "enum", "name": "E", "symbols": ["A"]}`), none},
		{"a field's alias goes", field("a", `"int"`, `"aliases": ["b", "c"]`), field("a", `"int"`, `"aliases": ["c"]`),
			`COMPAT_ALIAS_REMOVED a: the field a loses the alias "b"`},
		{"a type's alias goes", field("f", `{"type": "fixed", "name": "F", "size": 1, "aliases": ["G"]}`), field("f", `{"type": "fixed", "name": "F", "size": 1}`),
			`COMPAT_ALIAS_REMOVED f: the fixed F loses the alias "pl.shop.v1.G"`},
		{"a rename with an alias", field("userId", `"long"`), field("studentId", `"long"`, `"aliases": ["userId"]`), none},
		{"a rename without", field("id", `"long"`) + ",\n" + field("sum", `"long"`), field("id", `"long"`) + ",\n" + field("total", `["null", "long"]`, `"default": null`),
			"COMPAT_RENAMED total: the field sum is gone, and total looks like it under another name"},
		{"a rename by case, elsewhere", field("student_id", `"long"`) + ",\n" + field("n", `"int"`), field("n", `"int"`) + ",\n" + field("studentId", `"long"`, `"default": 0`),
			"COMPAT_RENAMED studentId: the field student_id is gone, and studentId looks like it under another name"},
		{"another type is another field", field("a", `"long"`), field("b", `"string"`, `"default": ""`), none},
		{"a type is renamed in a union", field("f", `["null", {"type": "fixed", "name": "F", "size": 1}]`), field("f", `["null", {"type": "fixed", "name": "G", "size": 1}]`),
			"COMPAT_RENAMED f: the fixed pl.shop.v1.F is renamed to pl.shop.v1.G"},
		{"a pii tag comes", field("a", `"string"`), field("a", `"string"`, `"pl": {"pii": "name"}`),
			"COMPAT_PII a: a becomes personal data (name)"},
		{"a pii tag goes", field("a", `"string"`, `"pl": {"pii": "name"}`), field("a", `"string"`, `"pl": {}`),
			"COMPAT_PII a: a is no longer tagged as personal data (name)"},
		{"a pii tag changes", field("a", `"string"`, `"pl": {"pii": "name"}`), field("a", `"string"`, `"pl": {"pii": "email"}`),
			`COMPAT_PII a: the tag pii of a changes from "name" to "email"`},
		{"a doc is lost", field("a", `"long"`), `{"name": "a", "type": "long"}`, "COMPAT_DOC a: the field a has lost its doc"},
		{"a new field has none", field("a", `"long"`), field("a", `"long"`) + `,{"name": "b", "type": "int", "default": 0}`, "COMPAT_DOC b: the new field b has no doc"},
		{"nested", field("s", `{"type": "record", "name": "S", "doc": "D.", "fields": [`+field("x", `"bytes"`)+`]}`),
			field("s", `{"type": "record", "name": "S", "fields": [`+field("x", `"string"`)+`]}`),
			"COMPAT_DOC s: the record S has lost its doc\nCOMPAT_BYTES_STRING s.x: s.x changes from bytes to string"},
		{"what refers to itself", field("n", `["null", "Paid"]`) + "," + field("x", `"long"`), field("n", `["null", "Paid"]`) + "," + field("x", `"float"`),
			"COMPAT_LOSSY_PROMOTION x: x changes from long to float"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range Schemas(parse(t, "old.avsc", record(c.old)), parse(t, "new.avsc", record(c.new))) {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Rule, f.Path, f.Message))
				checkComplete(t, f)
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

// checkComplete: a finding has a place, a reason and a fix, and a rule of the
// catalogue.
func checkComplete(t *testing.T, f Finding) {
	t.Helper()
	if f.Pos.File != "new.avsc" || f.Pos.Line == 0 || f.Cause == "" || f.Fix == "" {
		t.Errorf("%+v lacks a place, reason or fix", f)
	}
	if info := f.Rule.Info(); info.Title == "" || !info.Waivable || info.Severity != f.Severity {
		t.Errorf("%s is not in the catalogue", f.Rule)
	}
}

func TestPlaces(t *testing.T) {
	old := parse(t, "old.avsc", record(field("sum", decimal(9, 2)), field("b", `"int"`, `"aliases": ["c"]`)))
	next := parse(t, "new.avsc", record(field("b", `"int"`), field("sum", decimal(9, 4))))
	var got []string
	for _, f := range Schemas(old, next) {
		got = append(got, fmt.Sprintf("%s %s (was %s)", f.Rule, f.Pos, f.OldPos))
	}
	want := []string{
		"COMPAT_ALIAS_REMOVED new.avsc:2:10 (was old.avsc:3:54)",
		"COMPAT_DECIMAL new.avsc:3:107 (was old.avsc:2:107)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEventFindings(t *testing.T) {
	before := event(t, "studentId", 30*24*time.Hour)
	for _, c := range []struct {
		name string
		next *model.Event
		want string
	}{
		{"nothing changes", event(t, "studentId", 30*24*time.Hour), none},
		{"kept longer", event(t, "studentId", 31*24*time.Hour), none},
		{"another key", event(t, "badgeId", 30*24*time.Hour),
			"COMPAT_KEY new.avsc:1:69: the key of Paid changes from studentId (string) to badgeId (long)"},
		{"no key", event(t, "", 30*24*time.Hour),
			"COMPAT_KEY new.avsc:1:69: the key of Paid changes from studentId (string) to none"},
		{"kept for a shorter time", event(t, "studentId", 36*time.Hour),
			"COMPAT_RETENTION new.avsc:1:69: the retention of Paid falls from 30d to 36h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range Findings(before, c.next) {
				got = append(got, fmt.Sprintf("%s %s: %s", f.Rule, f.Pos, f.Message))
				checkComplete(t, f)
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

// TestRenamedKey: a key that is renamed with an alias has the same values.
func TestRenamedKey(t *testing.T) {
	before, after := event(t, "studentId", 0), event(t, "studentId", 0)
	after.Schema = parse(t, "new.avsc", record(field("learnerId", `"string"`, `"aliases": ["studentId"]`), field("badgeId", `"long"`)))
	after.Key = after.Schema.Fields[0]
	if found := Findings(before, after); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func event(t *testing.T, key string, retention time.Duration) *model.Event {
	t.Helper()
	s := parse(t, "new.avsc", strings.Replace(record(field("studentId", `"string"`), field("badgeId", `"long"`)), `"fields"`, `"pl": {}, "fields"`, 1))
	e := &model.Event{GoName: "Paid", Version: 1, Schema: s, Retention: retention}
	for _, f := range s.Fields {
		if f.Name == key {
			e.Key = f
		}
	}
	return e
}
