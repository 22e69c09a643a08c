package compat_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
)

// loadCases reads the cases of a vector file.
func loadCases[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count int
		Cases []T
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(file.Cases) == 0 || len(file.Cases) != file.Count {
		t.Fatalf("%s: %d cases, but it announces %d", path, len(file.Cases), file.Count)
	}
	return file.Cases
}

func parse(t testing.TB, file string, text []byte) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(file, text, nil)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s
}

// A javaVerdict is what Avro Java 1.12.1 says about a pair.
type javaVerdict struct {
	Compatible        bool
	Incompatibilities []javaIncompatibility
	// Throws is the class of the exception that Java throws instead of giving a
	// verdict; Thrown, if it was recorded, its message.
	Throws, Thrown string
}

type javaIncompatibility struct{ Type, Location, Message string }

// asJava leaves out of a verdict what Java does not report.
func asJava(found []compat.Incompatibility) javaVerdict {
	v := javaVerdict{Compatible: len(found) == 0}
	for _, f := range found {
		if f.Type == compat.AmbiguousAlias {
			return javaVerdict{Throws: "org.apache.avro.AvroRuntimeException", Thrown: f.Message}
		}
		v.Incompatibilities = append(v.Incompatibilities, javaIncompatibility{string(f.Type), f.Pointer, f.Message})
	}
	return v
}

func (v javaVerdict) equal(o javaVerdict) bool {
	return v.Compatible == o.Compatible && slices.Equal(v.Incompatibilities, o.Incompatibilities) &&
		v.Throws == o.Throws && (v.Thrown == o.Thrown || v.Thrown == "" || o.Thrown == "")
}

type pairCase struct {
	ID, Note       string
	Reader, Writer json.RawMessage
	Java           javaVerdict `json:"java_1_12_1"`
	Verdicts       map[string]json.RawMessage
}

func (c pairCase) check(t testing.TB) []compat.Incompatibility {
	return compat.Check(parse(t, "reader.avsc", c.Reader), parse(t, "writer.avsc", c.Writer))
}

// TestJava holds the walker against verdicts of Avro Java 1.12.1, first those
// of its own and others' test suites, then those on random evolutions and
// corners, recorded with Java itself.
func TestJava(t *testing.T) {
	for _, file := range []string{"testdata/compat_pairs.json", "testdata/compat_oracle.json"} {
		for _, c := range loadCases[pairCase](t, file) {
			t.Run(c.ID, func(t *testing.T) {
				if got := asJava(c.check(t)); !got.equal(c.Java) {
					t.Errorf("%s\nreader %s\nwriter %s\ngot  %+v\nJava %+v", c.Note, c.Reader, c.Writer, got, c.Java)
				}
			})
		}
	}
}

// TestDisputed follows Java where implementations disagree: its verdict is
// what a registry will answer.
func TestDisputed(t *testing.T) {
	for _, c := range loadCases[pairCase](t, "testdata/compat_disputed.json") {
		t.Run(c.ID, func(t *testing.T) {
			t.Log(c.Note)
			java, ok := c.Verdicts["apache-avro-java SchemaCompatibility"]
			if !ok {
				java = c.Verdicts["apache-avro-java"]
			}
			if got := len(c.check(t)) == 0; string(java) != map[bool]string{true: "true", false: "false"}[got] {
				t.Errorf("compatible: %v, in Java %s", got, java)
			}
		})
	}
}

func TestLevelVectors(t *testing.T) {
	type levelCase struct {
		ID, Level, Note string
		Tags            []string
		History         []json.RawMessage
		New             json.RawMessage
		Expect          struct{ Compatible bool }
	}
	for _, c := range loadCases[levelCase](t, "testdata/compat_levels.json") {
		t.Run(c.ID, func(t *testing.T) {
			t.Log(c.Note, c.Tags)
			level, err := compat.ParseLevel(c.Level)
			if err != nil {
				t.Fatal(err)
			}
			history, faults := parseAll(c.History)
			if javaRefuses(c.Tags) {
				if faults == nil {
					t.Error("the tag says that Java's parser refuses a schema of the history; it was accepted")
				}
				return
			}
			if faults != nil {
				t.Fatal(faults)
			}
			found := compat.CheckLevel(level, history, parse(t, "new.avsc", c.New))
			if (len(found) == 0) != c.Expect.Compatible {
				t.Errorf("compatible: want %v, found %+v", c.Expect.Compatible, found)
			}
		})
	}
}

// javaRefuses reports whether a case holds a schema that is no schema to a
// strict parser, so that its registration is refused before any comparison.
func javaRefuses(tags []string) bool {
	return slices.ContainsFunc(tags, func(tag string) bool {
		return strings.HasPrefix(tag, "java-rejects-schema") || strings.HasPrefix(tag, "needs-lenient-names")
	})
}

func parseAll(texts []json.RawMessage) ([]*avro.Schema, error) {
	var all []*avro.Schema
	for _, text := range texts {
		s, err := avro.Parse("old.avsc", text, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
