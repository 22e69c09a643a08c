package service_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

const top = "../../../../.."

// TestCommitted holds the committed packages, which the build compiles,
// against what is emitted.
func TestCommitted(t *testing.T) {
	set, found, err := source.Load(os.DirFS(top))
	if err != nil {
		t.Fatal(err)
	}
	m, more := model.Build(set)
	if diag.HasErrors(append(found, more...)) {
		t.Fatal(found, more)
	}
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
	committed, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(f.Path)))
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(committed, f.Content) {
		t.Errorf("%s is not what is emitted; run pl-gen generate", f.Path)
	}
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
