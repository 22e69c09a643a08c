package event_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

const want = "want: "

// TestGolden shows on one page what goes in and what comes out. To add a case,
// add testdata/golden/<name>.txtar with contracts, and run with -update.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	overlay := map[string]string{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		module := "golden/" + strings.TrimSuffix(filepath.Base(name), ".txtar")
		files := emitArchive(t, module, archive)
		compareArchive(t, name, archive, files)
		for _, f := range files {
			at := filepath.Join(t.TempDir(), "file.go")
			write(t, at, f.Content)
			overlay[filepath.Join(moduleRoot(t), module, f.Path)] = at
		}
	}
	compileOverlay(t, overlay)
}

func emitArchive(t *testing.T, module string, archive *txtar.Archive) []plan.File {
	t.Helper()
	files := make(fstest.MapFS)
	for _, f := range archive.Files {
		if !strings.HasPrefix(f.Name, want) {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	emitted, err := event.Emit(build(t, "github.com/pulselearn/campus-hub/"+module, files))
	if err != nil {
		t.Fatal(err)
	}
	return emitted
}

// compareArchive compares what is emitted with the archive, or rewrites it.
func compareArchive(t *testing.T, name string, archive *txtar.Archive, files []plan.File) {
	t.Helper()
	next := &txtar.Archive{Comment: archive.Comment}
	wanted := map[string]string{}
	for _, f := range archive.Files {
		if file, ok := strings.CutPrefix(f.Name, want); ok {
			wanted[file] = string(f.Data)
			continue
		}
		next.Files = append(next.Files, f)
	}
	for _, f := range files {
		next.Files = append(next.Files, txtar.File{Name: want + f.Path, Data: f.Content})
		if got := string(f.Content); !*update && got != wanted[f.Path] {
			t.Errorf("%s: %s is\n%s", name, f.Path, got)
		}
		delete(wanted, f.Path)
	}
	for file := range wanted {
		if !*update {
			t.Errorf("%s: %s is not emitted", name, file)
		}
	}
	if *update {
		write(t, name, txtar.Format(next))
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// compileOverlay compiles files as if they were in the module.
func compileOverlay(t *testing.T, overlay map[string]string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", config, "./golden/...")
	cmd.Dir = moduleRoot(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("emitted code does not compile: %v\n%s", err, out)
	}
}

// TestClashes checks that names which Go cannot keep are reported at their
// place, all at once, and that nothing is emitted.
func TestClashes(t *testing.T) {
	const schema = `{"type": "record", "namespace": "pl.shop.v1", "name": "%s", "pl": {"key": ""}, "doc": "D.", "fields": [
%s]}`
	for name, c := range map[string]struct{ fields, want string }{
		"fields":      {`{"name": "userId", "type": "int"}, {"name": "user_id", "type": "int"}`, "the fields userId and user_id of Sale are both UserID in Go"},
		"method":      {`{"name": "eventKey", "type": "int"}`, "the field eventKey of Sale has the name of a method in Go, EventKey"},
		"topic":       {`{"name": "a", "type": {"type": "enum", "name": "SaleTopic", "symbols": ["A"]}}`, "SaleTopic is declared twice"},
		"symbols":     {`{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["A_B", "a_b"]}}`, "EAB is declared twice"},
		"symbol type": {`{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["F"]}}, {"name": "b", "type": {"type": "fixed", "name": "EF", "size": 1}}`, "EF is declared twice"},
		"union":       {`{"name": "a", "type": ["null", "int", "long"]}, {"name": "b", "type": {"type": "fixed", "name": "SaleA", "size": 1}}`, "SaleA is declared twice"},
		"branch":      {`{"name": "a", "type": ["long", "int", {"type": "fixed", "name": "Long", "size": 1}]}`, "two branches of the union Sale.a are named Long in Go"},
		"no symbols":  {`{"name": "a", "type": {"type": "enum", "name": "E", "symbols": []}}`, "the enum E has no symbols"},
		"no branches": {`{"name": "a", "type": []}`, "the union Sale.a has no branches"},
	} {
		t.Run(name, func(t *testing.T) {
			m := build(t, "example.com/x", fstest.MapFS{
				"contracts/avro/shop/v1/sale.avsc": {Data: fmt.Appendf(nil, schema, "Sale", c.fields)},
			})
			found := event.Check(m)
			if len(found) != 1 || !strings.HasPrefix(found[0].Message, c.want) || found[0].Pos.Line != 2 && c.want != "SaleTopic is declared twice" {
				t.Errorf("found %+v, want %q", found, c.want)
			}
			if files, err := event.Emit(m); err == nil || files != nil {
				t.Errorf("emitted %d files, %v", len(files), err)
			}
		})
	}
}

// TestSameTypeTwice checks that two events of a context may define a type in
// the same words: Go gets it once. Other words are no schema at all.
func TestSameTypeTwice(t *testing.T) {
	const schema = `{"type": "record", "namespace": "pl.shop.v1", "name": "%s", "pl": {"key": ""}, "fields": [
{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["A"]}}]}`
	files, err := event.Emit(build(t, "example.com/x", fstest.MapFS{
		"contracts/avro/shop/v1/sale.avsc":   {Data: fmt.Appendf(nil, schema, "Sale")},
		"contracts/avro/shop/v1/refund.avsc": {Data: fmt.Appendf(nil, schema, "Refund")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for _, f := range files {
		declared += strings.Count(string(f.Content), "type E string")
	}
	if declared != 1 {
		t.Errorf("E is declared %d times", declared)
	}
}
