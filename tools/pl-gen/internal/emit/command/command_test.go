package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/command"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

const top = "../../../../.."

// TestCommitted holds the committed main packages, which the build compiles,
// against what is emitted.
func TestCommitted(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	files, err := command.EmitHub(m, true)
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
	plantest.Committed(t, top, f)
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
