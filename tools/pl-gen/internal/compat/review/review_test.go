package review_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/review"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// school has n events of forty fields. The new ones are all broken in the same
// two ways.
func school(n int, changed bool) fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/school\n")}}
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, `{"type": "record", "namespace": "pl.c%d.v1", "name": "Happened", "doc": "D.", "pl": {"key": "id"}, "fields": [
  {"name": "id", "type": "string", "doc": "D."}`, i)
		for j := range 40 {
			typ := `["null", {"type": "array", "items": {"type": "long", "logicalType": "timestamp-millis"}}], "default": null`
			if changed && j == 7 {
				typ = `["null", {"type": "array", "items": "string"}], "default": null`
			}
			fmt.Fprintf(&b, ",\n  {\"name\": \"field%d\", \"type\": %s, \"doc\": \"D.\"}", j, typ)
		}
		b.WriteString("\n]}")
		fsys[fmt.Sprintf("contracts/avro/c%d/v1/happened.avsc", i)] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return fsys
}

func load(tb testing.TB, fsys fstest.MapFS) (*source.Set, *model.Model) {
	tb.Helper()
	set, found, err := source.Load(fsys)
	if err != nil || len(found) > 0 {
		tb.Fatal(found, err)
	}
	m, _ := model.Build(set)
	return set, m
}

func compare(tb testing.TB, old, next fstest.MapFS) []diag.Diagnostic {
	tb.Helper()
	base, err := history.Tree("before", old)
	if err != nil {
		tb.Fatal(err)
	}
	set, m := load(tb, next)
	found, err := review.Contracts(context.Background(), base, set, m)
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func TestEveryFindingIsComplete(t *testing.T) {
	found := compare(t, school(3, false), school(3, true))
	if len(found) != 6 {
		t.Errorf("%d findings, want both directions of three events: %v", len(found), found)
	}
	for _, d := range found {
		c := d.Change
		if d.Pos.Line != 10 || !d.Rule.Known() || d.Cause == "" || d.Fix == "" || c.Event == "" || c.Field != "field7" ||
			c.Pointer == "" || c.Type == "" || c.Reason == "" || c.Was == "" || !strings.HasPrefix(c.Registry, "409 ") || c.Readers == "" {
			t.Errorf("%+v", d)
		}
	}
}

// BenchmarkContracts is the whole comparison, the parsing of both sides
// included. The target is a second.
func BenchmarkContracts(b *testing.B) {
	for _, changed := range []bool{false, true} {
		b.Run(fmt.Sprintf("schemas=200/changed=%v", changed), func(b *testing.B) {
			old, next := school(200, false), school(200, changed)
			for b.Loop() {
				if found := compare(b, old, next); changed != (len(found) == 400) {
					b.Fatalf("%d findings", len(found))
				}
			}
		})
	}
}
