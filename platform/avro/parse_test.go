package avro_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// TestFaults parses the .avsc files of each archive together and compares all
// faults, with those of NeverEnds, with its "want" file.
func TestFaults(t *testing.T) {
	archives, err := filepath.Glob("testdata/faults/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			compareFaults(t, path, archive)
		})
	}
}

func compareFaults(t *testing.T, path string, archive *txtar.Archive) {
	var files []avro.File
	var wanted *txtar.File
	for i, f := range archive.Files {
		if f.Name == "want" {
			wanted = &archive.Files[i]
			continue
		}
		files = append(files, avro.File{Name: f.Name, Text: f.Data})
	}
	got := describe(files)
	if os.Getenv("UPDATE") != "" {
		wanted.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "faults", got, string(wanted.Data))
}

func describe(files []avro.File) string {
	schemas, err := avro.ParseFiles(files, nil)
	var faults avro.Faults
	errors.As(err, &faults)
	for i, s := range schemas {
		if s != nil {
			faults = append(faults, avro.NeverEnds(s)...)
		}
		faults = append(faults, avro.RepeatedKeys(files[i].Name, files[i].Text)...)
	}
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%v [%s]\n", f, f.Pointer)
	}
	return b.String()
}

func TestParseReturnsNoSchemaWithFaults(t *testing.T) {
	s, err := avro.Parse("x.avsc", []byte(`{"type":"record","name":"R","fields":[{"name":"f","type":"nope"}]}`), nil)
	var faults avro.Faults
	if s != nil || !errors.As(err, &faults) || len(faults) != 1 {
		t.Fatalf("got %v, %v", s, err)
	}
	want(t, "fault", faults[0].Error(), `x.avsc:1:58: unknown-type: the type "nope" is not defined; define it, or name it in full`)
}

func TestKnownTypesAreShared(t *testing.T) {
	money, err := avro.Parse("money.avsc", []byte(`{"type":"fixed","name":"a.Money","size":8}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names avro.Names
	names.Add(money)
	s, err := avro.Parse("x.avsc", []byte(`{"type":"record","name":"a.R","fields":[{"name":"f","type":"Money"}]}`), &names)
	if err != nil {
		t.Fatal(err)
	}
	if s.Fields[0].Type != money {
		t.Error("the reference is a copy")
	}
}

// TestLimits: Java's JSON parser reads 1000 levels and digits and no more.
func TestLimits(t *testing.T) {
	arrays := func(n int) string {
		return strings.Repeat(`{"type":"array","items":`, n) + `"int"` + strings.Repeat("}", n)
	}
	number := func(n int) string { return `{"type":"int","x":` + strings.Repeat("7", n) + "}" }
	for name, texts := range map[string][2]string{"depth": {arrays(1000), arrays(1001)}, "digits": {number(1000), number(1001)}} {
		if _, err := avro.Parse("x.avsc", []byte(texts[0]), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var faults avro.Faults
		if _, err := avro.Parse("x.avsc", []byte(texts[1]), nil); !errors.As(err, &faults) || faults[0].Code != avro.CodeLimit {
			t.Errorf("%s: beyond the limit: %v", name, err)
		}
	}
}

// TestHostileTexts parses texts made to overflow the stack or to take
// quadratic or exponential time.
func TestHostileTexts(t *testing.T) {
	const n = 100_000
	texts := map[string]string{
		"deep arrays":   strings.Repeat("[", n),
		"deep objects":  strings.Repeat(`{"type":`, n),
		"many unions":   "[" + strings.Repeat("[],", n) + "[]]",
		"many unknown":  "[" + strings.Repeat(`"x.Y",`, n) + `"x.Z"]`,
		"long name":     `"` + strings.Repeat("a.", n) + `"`,
		"many keys":     `{"type":"int"` + strings.Repeat(`,"k":1`, n) + "}",
		"many newlines": strings.Repeat("\n", n) + `"int"`,
		"huge":          strings.Repeat(" ", 5<<20),
		"chain":         chain(5_000),
		"doubling":      doubling(200),
		"ambiguous":     ambiguous(200),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if s, err := avro.Parse("x.avsc", []byte(text), nil); err == nil {
				avro.NeverEnds(s)
				avro.Canonical(s)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// chain is records that each need the next, defined in the worst order.
func chain(n int) string {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		fmt.Fprintf(&b, `{"type":"record","name":"R%d","fields":[{"name":"f","type":"R%d"}]},`, i, i+1)
	}
	fmt.Fprintf(&b, `{"type":"record","name":"R%d","fields":[]}]`, n)
	return b.String()
}

// doubling is records whose default enters the previous one twice.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`[{"type":"record","name":"R0","fields":[]}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"type":"record","name":"R%d","fields":[{"name":"a","type":"R%d","default":{}},{"name":"b","type":"R%[2]d","default":{}}]}`, i+1, i)
	}
	return b.String() + "]"
}

// ambiguous is a deep default that fits no branch but could be tried with two
// at every level.
func ambiguous(n int) string {
	branches := `["int",{"type":"record","name":"A","fields":[{"name":"x","type":["int","A","B"]}]},` +
		`{"type":"record","name":"B","fields":[{"name":"x","type":["int","A","B"]}]}]`
	value := strings.Repeat(`{"x":`, n) + `"no"` + strings.Repeat("}", n)
	return `{"type":"record","name":"R","fields":[{"name":"t","type":` + branches + `},{"name":"f","type":["int","A","B"],"default":` + value + `}]}`
}

func FuzzParse(f *testing.F) {
	for _, c := range []string{`"int"`, `["null","int"]`, `{"type":"fixed","name":"a.F","size":12,"logicalType":"duration"}`,
		`{"type":"record","name":"R","aliases":[".x"],"fields":[{"name":"f","type":["null","R"],"default":null}]}`,
		`{"type":"enum","name":"E","symbols":["A"],"default":"A","pl":{"a":[1e3,"\ud83d\ude00"]}}`, `/*c*/{"type":"map","values":"E"}`, chain(3), doubling(3), ambiguous(3)} {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := avro.Parse("f.avsc", text, nil)
		if err != nil {
			var faults avro.Faults
			if !errors.As(err, &faults) || len(faults) == 0 || faults[0].Pos.Line == 0 {
				t.Fatalf("%q gives %v", text, err)
			}
			return
		}
		first := avro.Text(s)
		back, err := avro.Parse("f.avsc", first, nil)
		if err != nil {
			t.Fatalf("%q\n%s\n%v", text, first, err)
		}
		want(t, "canonical form", string(avro.Canonical(back)), string(avro.Canonical(s)))
		want(t, "text", string(avro.Text(back)), string(first))
		avro.NeverEnds(s)
	})
}
