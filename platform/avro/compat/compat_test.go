package compat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
)

// TestExplains checks what Java does not report: where the cause stands, the
// path for people, and why a branch of a union does not do.
func TestExplains(t *testing.T) {
	reader := parse(t, "new.avsc", []byte(`{"type": "record", "name": "Quiz", "fields": [
  {"name": "answers", "type": {"type": "array", "items":
    ["null", {"type": "record", "name": "Answer", "fields": [
      {"name": "grade", "type": {"type": "enum", "name": "Grade", "symbols": ["A", "B"]}},
      {"name": "at", "type": "long"}]}]}},
  {"name": "best", "type": {"type": "map", "values": "Grade"}},
  {"name": "digest", "type": "Grade"}]}`))
	writer := parse(t, "old.avsc", []byte(`{"type": "record", "name": "Quiz", "fields": [
  {"name": "answers", "type": {"type": "array", "items":
    ["null", {"type": "record", "name": "Answer", "fields": [
      {"name": "grade", "type": {"type": "enum", "name": "Grade", "symbols": ["A", "C"]}}]}]}},
  {"name": "best", "type": {"type": "map", "values": "Grade"}},
  {"name": "digest", "type": "bytes"}]}`))
	want := strings.TrimSpace(`
MISSING_UNION_BRANCH /fields/0/type/items/1 answers[] new.avsc:3:5 old.avsc:2:31: reader union lacking writer type: RECORD
  MISSING_ENUM_SYMBOLS /fields/0/type/symbols answers[].grade new.avsc:4:78 old.avsc:4:84: [C]
  READER_FIELD_MISSING_DEFAULT_VALUE /fields/1 answers[].at new.avsc:5:16 old.avsc:3:41: at
MISSING_ENUM_SYMBOLS /fields/0/type/symbols answers[].grade new.avsc:4:78 old.avsc:4:84: [C]
TYPE_MISMATCH /fields/2/type digest new.avsc:7:30 old.avsc:6:30: reader type: ENUM not compatible with writer type: BYTES`)
	if got := strings.TrimSpace(describe(compat.Check(reader, writer), "")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func describe(found []compat.Incompatibility, indent string) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s%s %s %s %s %s: %s\n", indent, f.Type, f.Pointer, f.Path, f.ReaderPos, f.WriterPos, f.Message)
		b.WriteString(describe(f.Causes, indent+"  "))
	}
	return b.String()
}

// TestManyWays: what is reached in 2^60 ways is found, and listed up to the
// bound.
func TestManyWays(t *testing.T) {
	found := compat.Check(diamonds(t, "int"), diamonds(t, "string"))
	if len(found) != 10_000 || found[0].Type != compat.TypeMismatch || found[9_999].Pointer != found[0].Pointer {
		t.Errorf("%d violations, the first one %+v", len(found), found[0])
	}
	if found := compat.Check(diamonds(t, "long"), diamonds(t, "int")); len(found) > 0 {
		t.Error(found)
	}
}

// diamonds makes 60 records that each use the one before twice.
func diamonds(t testing.TB, leaf string) *avro.Schema {
	text := fmt.Sprintf(`{"type":"record","name":"D0","fields":[{"name":"v","type":%q}]}`, leaf)
	for i := range 60 {
		text = fmt.Sprintf(`{"type":"record","name":"D%d","fields":[{"name":"a","type":%s},{"name":"b","type":"D%d"}]}`, i+1, text, i)
	}
	return parse(t, leaf, []byte(text))
}

// TestGivesUp: schemas that lead ever deeper into one another are refused, not
// followed until the stack ends.
func TestGivesUp(t *testing.T) {
	a, b := circle(t, 211), circle(t, 210)
	if found := compat.Check(a, b); len(found) != 1 || found[0].Type != compat.TooComplex {
		t.Errorf("%d violations: %.200v", len(found), found)
	}
	a, b = circle(t, 53), circle(t, 52)
	if found := compat.Check(a, b); len(found) > 0 {
		t.Errorf("%d violations: %.200v", len(found), found)
	}
}

// circle makes n records of one name that refer to each other in a row. A
// circle of another length meets each of them in every pairing.
func circle(t testing.TB, n int) *avro.Schema {
	var b strings.Builder
	b.WriteString(`["null"`)
	for i := range n {
		fmt.Fprintf(&b, `,{"type":"record","name":"n%d.R","fields":[{"name":"next","type":"n%d.R"}]}`, i, (i+1)%n)
	}
	b.WriteString("]")
	return parse(t, "circle.avsc", []byte(b.String())).Branches[1]
}

func TestConcurrentChecks(t *testing.T) {
	a, b := mutual(t, 30, "int"), mutual(t, 30, "string")
	want := len(compat.Check(a, b))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got := len(compat.Check(a, b)); got != want {
					t.Errorf("%d violations, want %d", got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]compat.Level{"full_transitive": compat.FullTransitive, "None": compat.None, "BACKWARD": compat.Backward} {
		if got, err := compat.ParseLevel(text); got != want || err != nil {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "FULLY", "TRANSITIVE", "NONE_TRANSITIVE"} {
		if got, err := compat.ParseLevel(text); err == nil {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// mutual makes n records, each with a field for every other one.
func mutual(t testing.TB, n int, leaf string) *avro.Schema {
	var b strings.Builder
	b.WriteString(`{"type":"record","name":"Root","fields":[`)
	for i := range n {
		fmt.Fprintf(&b, `%s{"name":"r%d","type":{"type":"record","name":"R%d","fields":[{"name":"v","type":"%s"}`, comma(i), i, i, leaf)
		for j := range n {
			fmt.Fprintf(&b, `,{"name":"f%d","type":["null","R%d"],"default":null}`, j, j)
		}
		b.WriteString("]}}")
	}
	b.WriteString("]}")
	return parse(t, "mutual.avsc", []byte(b.String()))
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// BenchmarkMutual compares 200 records that all refer to each other: 40,000
// fields.
func BenchmarkMutual(b *testing.B) {
	for _, leaf := range []string{"int", "string"} {
		reader, writer := mutual(b, 200, "int"), mutual(b, 200, leaf)
		b.Run(leaf, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compat.Check(reader, writer)
			}
		})
	}
}

// BenchmarkChain shows that the work grows with the number of types.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{100, 1000, 9000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			reader, writer := circle(b, n), circle(b, n)
			for b.Loop() {
				if found := compat.Check(reader, writer); len(found) > 0 {
					b.Fatal(found[0].Type)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/type")
		})
	}
}
