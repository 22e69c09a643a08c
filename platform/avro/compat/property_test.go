package compat_test

import (
	"slices"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
	"pgregory.net/rapid"
)

func parsed(t *rapid.T, text string) *avro.Schema {
	s, err := avro.Parse("s.avsc", []byte(text), nil)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s
}

func drawParsed(t *rapid.T, versions int) []*avro.Schema {
	var history []*avro.Schema
	for _, text := range drawHistory(t, versions) {
		history = append(history, parsed(t, text))
	}
	return history
}

// TestReadsItself: a schema reads what it wrote, also after its text was
// normalised.
func TestReadsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := drawSchema(t)
		text, ok := drawn.text()
		if !ok {
			t.Skip("a reference comes before its definition and leads elsewhere")
		}
		s := parsed(t, text)
		if found := compat.Check(s, s); len(found) > 0 {
			t.Errorf("%s does not read itself: %+v", text, found)
		}
		if drawn.mixesNamespaces() {
			return // Avro has no way to write a reference out of a namespace into none
		}
		again := parsed(t, string(avro.Text(s)))
		if found := append(compat.Check(s, again), compat.Check(again, s)...); len(found) > 0 {
			t.Errorf("%s does not read its normalised text: %+v", text, found)
		}
	})
}

// mixesNamespaces reports whether a type without a namespace stands beside one
// with a namespace.
func (s *typ) mixesNamespaces() bool {
	with, without := false, false
	for _, n := range nodes(s, nil) {
		with = with || n.ns != ""
		without = without || n.name != "" && n.ns == ""
	}
	return with && without
}

// TestOptionalFieldIsFull: a field with a default may be added anywhere.
func TestOptionalFieldIsFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := (&maker{t: t}).record(4)
		after := before.clone(map[*typ]*typ{})
		records := slices.DeleteFunc(nodes(after, nil), func(s *typ) bool { return s.kind != "record" })
		r := rapid.SampledFrom(records).Draw(t, "record")
		f := &member{name: "added", hasDefault: true, typ: &typ{kind: "union", branches: []*typ{{kind: "null"}, {kind: "string"}}}}
		r.fields = slices.Insert(r.fields, rapid.IntRange(0, len(r.fields)).Draw(t, "at"), f)
		old, okOld := before.text()
		next, okNext := after.text()
		if !okOld || !okNext {
			t.Skip("a reference comes before its definition and leads elsewhere")
		}
		if found := compat.CheckLevel(compat.Full, []*avro.Schema{parsed(t, old)}, parsed(t, next)); len(found) > 0 {
			t.Errorf("%s\n%s\n%+v", old, next, found)
		}
	})
}

// TestLevelsAreMadeOfChecks: each level is the checks that it stands for, and
// nothing else.
func TestLevelsAreMadeOfChecks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawParsed(t, 3)
		history, next := all[:2], all[2]
		backward := func(i int) int { return len(compat.Check(next, history[i])) }
		forward := func(i int) int { return len(compat.Check(history[i], next)) }
		for level, want := range map[compat.Level]int{
			compat.None:               0,
			compat.Backward:           backward(1),
			compat.Forward:            forward(1),
			compat.Full:               forward(1) + backward(1),
			compat.BackwardTransitive: backward(1) + backward(0),
			compat.ForwardTransitive:  forward(1) + forward(0),
			compat.FullTransitive:     forward(1) + backward(1) + forward(0) + backward(0),
		} {
			if got := compat.CheckLevel(level, history, next); len(got) != want {
				t.Errorf("%s: %d violations, want %d: %+v", level, len(got), want, got)
			}
		}
	})
}

// TestTransitiveLevelsSplit: checking a history at once, or its parts one
// after the other, finds the same.
func TestTransitiveLevelsSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawParsed(t, 4)
		history, next := all[:3], all[3]
		at := rapid.IntRange(0, 3).Draw(t, "at")
		for _, level := range []compat.Level{compat.BackwardTransitive, compat.ForwardTransitive, compat.FullTransitive} {
			newer := compat.CheckLevel(level, history[at:], next)
			for i := range newer {
				newer[i].Version += at
			}
			parts := append(newer, compat.CheckLevel(level, history[:at], next)...)
			whole := compat.CheckLevel(level, history, next)
			if !slices.EqualFunc(parts, whole, sameViolation) {
				t.Errorf("%s: %+v, in parts %+v", level, whole, parts)
			}
		}
	})
}

func sameViolation(a, b compat.LevelViolation) bool {
	return a.Version == b.Version && a.NewReads == b.NewReads && a.Type == b.Type && a.Pointer == b.Pointer && a.Message == b.Message
}

// TestUnionReadsMore: a reader that gains a branch at the end still reads what
// it read.
func TestUnionReadsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawParsed(t, 2)
		reader, writer := all[0], all[1]
		if reader.Kind == avro.Union || len(compat.Check(reader, writer)) > 0 {
			t.Skip("there is nothing to keep")
		}
		wider := &avro.Schema{Kind: avro.Union, Branches: []*avro.Schema{reader, {Kind: avro.Null}}}
		if found := compat.Check(wider, writer); len(found) > 0 {
			t.Errorf("%s\n%s\n%+v", avro.Text(wider), avro.Text(writer), found)
		}
	})
}

// TestPlaces: every violation says where it is, in both files.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawParsed(t, 2)
		for _, f := range compat.Check(all[0], all[1]) {
			if f.ReaderPos.Line == 0 || f.WriterPos.Line == 0 || f.Message == "" || f.Pointer[0] != '/' {
				t.Errorf("%+v has no place", f)
			}
		}
	})
}

// FuzzCheck gives the walker any two schemas.
func FuzzCheck(f *testing.F) {
	f.Add(`{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`, `["null","int"]`)
	f.Add(`[{"type":"enum","name":"E","symbols":["A"]},"int"]`, `{"type":"map","values":{"type":"fixed","name":"E","size":0}}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		r, err := avro.Parse("r", []byte(a), nil)
		if err != nil {
			return
		}
		w, err := avro.Parse("w", []byte(b), nil)
		if err != nil {
			return
		}
		compat.CheckLevel(compat.Full, []*avro.Schema{r}, w)
	})
}
