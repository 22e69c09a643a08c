package saga_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/saga"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

var update = flag.Bool("update", false, "write what is emitted into testdata")

const (
	top     = "../../../../.."
	options = "contracts/proto/pl/options/v1/options.proto"
)

// TestCommitted holds the committed sagas, which the build compiles, against
// what is emitted.
func TestCommitted(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	emitted := 0
	for _, c := range m.Contexts {
		files, err := saga.Emit(m.Module, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			plantest.Committed(t, top, f)
			parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ParseComments)
			if err != nil || !ast.IsGenerated(parsed) {
				t.Errorf("%s: err %v, want a generated file", f.Path, err)
			}
		}
		emitted += len(files)
	}
	if emitted < 3 {
		t.Errorf("%d files, want three of one saga at least", emitted)
	}
}

// TestKinds emits steps of every kind, with keys of every kind.
func TestKinds(t *testing.T) {
	const name = "testdata/kinds.txtar"
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	split := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "gen/") })
	if split < 0 {
		split = len(archive.Files)
	}
	m := modeltest.Load(t, repository(t, archive.Files[:split]))
	var got []txtar.File
	for _, c := range m.Contexts {
		files, err := saga.Emit(m.Module, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			got = append(got, txtar.File{Name: f.Path, Data: f.Content})
		}
	}
	if *update {
		archive.Files = append(archive.Files[:split], got...)
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := txtar.Format(&txtar.Archive{Files: archive.Files[split:]})
	if text := txtar.Format(&txtar.Archive{Files: got}); !bytes.Equal(text, want) {
		t.Errorf("%s", diff.Diff("want", want, "got", text))
	}
}

func repository(t *testing.T, contracts []txtar.File) fs.FS {
	t.Helper()
	text, err := os.ReadFile(top + "/" + options)
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{options: {Data: text}}
	for _, f := range contracts {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return fsys
}
