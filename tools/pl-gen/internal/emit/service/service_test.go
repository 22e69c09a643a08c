package service_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan/plantest"
)

const top = "../../../../.."

// TestCommitted holds the committed packages, which the build compiles,
// against what is emitted.
func TestCommitted(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	emitted := 0
	for _, c := range m.Contexts {
		files, err := service.Emit(m.Module, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			check(t, f)
		}
		emitted += len(files)
	}
	if emitted < 25 {
		t.Errorf("%d files, want five of five contexts at least", emitted)
	}
}

func check(t *testing.T, f plan.File) {
	t.Helper()
	plantest.Committed(t, top, f)
	parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ParseComments)
	if err != nil || !ast.IsGenerated(parsed) {
		t.Errorf("%s: err %v, want a generated file", f.Path, err)
		return
	}
	for _, group := range parsed.Comments {
		for _, line := range group.List {
			if utf8.RuneCountInString(line.Text) > 80 && !strings.HasPrefix(line.Text, "// Source: ") {
				t.Errorf("%s: a comment is not wrapped: %s", f.Path, line.Text)
			}
		}
	}
}
