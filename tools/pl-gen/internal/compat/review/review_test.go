package review_test

import (
	"context"
	"fmt"
	"os"
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
	m, more := model.Build(set)
	if err != nil || diag.HasErrors(append(found, more...)) {
		tb.Fatal(found, more, err)
	}
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

const wiring = `syntax = "proto3";
package pl.%s.v1;
import "pl/options/v1/options.proto";
option go_package = "example.com/school/gen/proto/pl/%[1]s/v1;%[1]sv1";
service S { option (pl.options.v1.context) = { owner: "o" %s }; }
`

// lending is a context lending that publishes an event with a borrower, and a
// context reports whose handler has the body.
func lending(t *testing.T, person, body string) fstest.MapFS {
	t.Helper()
	options, err := os.ReadFile("../../../../../contracts/proto/pl/options/v1/options.proto")
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{
		"go.mod": "module example.com/school\n",
		"contracts/proto/pl/options/v1/options.proto": string(options),
		"contracts/proto/pl/lending/v1/lending.proto": fmt.Sprintf(wiring, "lending", `publishes: "pl.lending.lent.v1"`),
		"contracts/proto/pl/reports/v1/reports.proto": fmt.Sprintf(wiring, "reports", `consumes: { topic: "pl.lending.lent.v1" }`),
		"contracts/avro/lending/v1/lent.avsc":         `{"type": "record", "namespace": "pl.lending.v1", "name": "Lent", "doc": "D.", "pl": {"key": "id"}, "fields": [{"name": "id", "type": "string", "doc": "D."}, {"name": "who", "type": ["null", "pl.common.v1.Person"], "default": null, "doc": "D."}]}`,
		"contracts/avro/common/v1/person.avsc":        `{"type": "record", "namespace": "pl.common.v1", "name": "Person", "doc": "D.", "fields": [` + person + `]}`,
		"services/reports/on_lent.go":                 "package reports\n\nfunc (s *Service) OnLent(ctx context.Context, tx *x.Tx, e *lendingv1event.Lent) error {\n" + body + "\n}\n",
	}
	fsys := fstest.MapFS{}
	for name, content := range text {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// TestWhatConsumersLose removes a field with a default from a shared record.
func TestWhatConsumersLose(t *testing.T) {
	const name, mail = `{"name": "name", "type": "string", "default": "", "doc": "D."}`, `{"name": "e_mail", "type": "string", "default": "", "doc": "D."}`
	for body, want := range map[string]string{
		"return send(e.Who.EMail)": "reports.OnLent (services/reports/on_lent.go:3) reads who.e_mail; gets the default in place of the value, without an error",
		"return send(e.Who.Name)":  "",
		"return send(e.ID)":        "",
	} {
		found := compare(t, lending(t, name+","+mail, body), lending(t, name, body))
		got := ""
		for _, d := range found {
			if d.Rule != diag.CompatFieldRead || d.Pos.String() != "contracts/avro/common/v1/person.avsc:1:57" || d.Change.Field != "who.e_mail" {
				t.Errorf("%s: %+v", body, d)
			}
			got += d.Change.Readers
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// TestAConsumerThatDoesNotReadTheFieldIsToldSo changes a unit.
func TestAConsumerThatDoesNotReadTheFieldIsToldSo(t *testing.T) {
	unit := func(u string) string {
		return `{"name": "seen", "type": {"type": "long", "logicalType": "timestamp-` + u + `"}, "doc": "D."}`
	}
	for body, want := range map[string]string{
		"return send(e.Who.Seen)": "takes every time for another one, without an error",
		"return send(e.ID)":       "not who.seen, so nothing changes for it",
		"return other.Send(e)":    "reads the whole event; takes every time for another one",
	} {
		found := compare(t, lending(t, unit("millis"), body), lending(t, unit("micros"), body))
		if len(found) != 1 || found[0].Rule != diag.CompatTimeUnit || !strings.Contains(found[0].Change.Readers, want) {
			t.Errorf("%s: %v", body, found)
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
