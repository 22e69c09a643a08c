package command_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/command"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

const top = "../../../../.."

func load(t *testing.T) *model.Model {
	t.Helper()
	set, found, err := source.Load(os.DirFS(top))
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	if diag.HasErrors(append(found, more...)) {
		t.Fatal(found, more)
	}
	return m
}

// TestCommitted holds the committed main packages, which the build compiles,
// against what is emitted.
func TestCommitted(t *testing.T) {
	m := load(t)
	files, err := command.EmitHub(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Contexts {
		more, err := command.Emit(m.Module, c)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	if len(files) < 7 {
		t.Fatalf("%d files, want the hub, the engines and five contexts at least", len(files))
	}
	for _, f := range files {
		check(t, f)
	}
}

func check(t *testing.T, f plan.File) {
	t.Helper()
	committed, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(f.Path)))
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(committed, f.Content) {
		t.Errorf("%s is not what is emitted; run pl-gen generate", f.Path)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ParseComments)
	if err != nil || !ast.IsGenerated(parsed) || parsed.Doc == nil || strings.Contains(parsed.Doc.Text(), "DO NOT EDIT") {
		t.Errorf("%s: err %v, want a generated file with a package comment of its own", f.Path, err)
	}
}

// TestContextsWithoutService have nothing to run.
func TestContextsWithoutService(t *testing.T) {
	files, err := command.Emit("example.com/school", &model.Context{Name: "events"})
	if err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
}
