package diag

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "write what is rendered into testdata")

func sample() []Diagnostic {
	at := func(line, col int) Pos { return Pos{File: "contracts/avro/quiz/v1/a,b:c.avsc", Line: line, Col: col} }
	return []Diagnostic{
		New(EventKeyField, at(3, 18), `"key" names the field "quizID", 100% wrong`).Because("a <cause> & more", "did you mean \"quizId\"?\nor another one"),
		New(DocMissing, at(12, 5), "field Quiz.title has no doc"),
		New(FileClash, Pos{}, "two files are one"),
	}
}

func TestRender(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			var b bytes.Buffer
			if err := Render(&b, format, sample()); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", string(format)+".golden"), b.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(name, want, "got", got); d != nil {
		t.Errorf("%s", d)
	}
}

func TestDocumentsWithoutFindingsAreWhole(t *testing.T) {
	for format, parse := range map[Format]func([]byte, any) error{JSON: json.Unmarshal, SARIF: json.Unmarshal, JUnit: xml.Unmarshal} {
		var b bytes.Buffer
		if err := Render(&b, format, nil); err != nil {
			t.Fatal(err)
		}
		var into struct{ XMLName xml.Name }
		if err := parse(b.Bytes(), &into); err != nil {
			t.Errorf("%s without findings: %v", format, err)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := ParseFormat("yaml"); err == nil {
		t.Error("yaml was taken for a format")
	}
	if err := Render(&bytes.Buffer{}, "yaml", nil); err == nil {
		t.Error("yaml was rendered")
	}
}

func TestSortOrdersByPlaceAndDropsRepetitions(t *testing.T) {
	want := []Diagnostic{
		New(GoName, Pos{File: "a", Line: 1, Col: 2}, "x"), New(GoName, Pos{File: "a", Line: 1, Col: 10}, "x"),
		New(GoName, Pos{File: "a", Line: 2, Col: 1}, "x"), New(DocMissing, Pos{File: "b", Line: 1, Col: 1}, "x"),
		New(GoName, Pos{File: "b", Line: 1, Col: 1}, "x"), New(GoName, Pos{File: "b", Line: 1, Col: 1}, "y"),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	got = Sort(append(got, want...))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSeverityComesFromTheCatalogue(t *testing.T) {
	if HasErrors([]Diagnostic{New(DocMissing, Pos{}, "")}) {
		t.Error("a missing doc stops generation")
	}
	if !HasErrors([]Diagnostic{New(DocMissing, Pos{}, ""), New(AvroSyntax, Pos{}, "")}) {
		t.Error("a syntax error does not stop generation")
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"retention", "partitions", "key"}
	for name, want := range map[string]string{
		"retension": `did you mean "retention"?`,
		"Key":       `did you mean "key"?`,
		"parti":     `did you mean "partitions"?`,
		"colour":    "use one of key, partitions, retention",
	} {
		if got := Suggest(name, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Suggest("x", nil); got == "" {
		t.Error("nothing is suggested when there is nothing to name")
	}
}

func TestRulesAreDistinctAndDescribed(t *testing.T) {
	seen := map[Rule]bool{}
	for _, info := range Rules() {
		if seen[info.Rule] || info.Title == "" {
			t.Errorf("rule %s is repeated or has no title", info.Rule)
		}
		seen[info.Rule] = true
		if info.Waivable && info.Severity == Error && !strings.HasPrefix(string(info.Rule), "COMPAT_") {
			t.Errorf("rule %s is an error that can be waived: generation could not go on", info.Rule)
		}
	}
}
