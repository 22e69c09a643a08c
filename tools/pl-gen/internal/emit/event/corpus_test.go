package event_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// The corpus is generated code that the tests of this package compile and
// run. It lives in the repository so that those tests are ordinary tests.
const corpus = "testdata/corpus"

// comparison is the module that compares codecs; its event is emitted here,
// too.
const comparison = "../../../../../bench/compare"

func TestCorpusIsCurrent(t *testing.T) {
	for dir, module := range map[string]string{
		corpus:     here + "/" + corpus,
		comparison: "github.com/pulselearn/campus-hub/bench/compare",
	} {
		files := readAll(t, dir)
		emitted, err := event.Emit(build(t, module, files))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range emitted {
			current(t, dir, f, files[f.Path])
			delete(files, f.Path)
		}
		for name := range files {
			if strings.HasPrefix(name, "gen/") {
				t.Errorf("%s in %s is no longer emitted; remove it", name, dir)
			}
		}
	}
}

// current compares a file with what is on the disk, or writes it there.
func current(t *testing.T, dir string, f plan.File, on *fstest.MapFile) {
	t.Helper()
	if *update {
		write(t, filepath.Join(dir, f.Path), f.Content)
		return
	}
	if on == nil || !bytes.Equal(on.Data, f.Content) {
		t.Errorf("%s in %s is not what is emitted; look at the difference after go test -run Corpus -update", f.Path, dir)
	}
}

// TestHeads checks what every generated file promises to tools and readers.
func TestHeads(t *testing.T) {
	names, err := filepath.Glob(corpus + "/gen/event/*/*/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no generated files: %v", err)
	}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(file) {
			t.Errorf("%s is not recognised as generated", name)
		}
		if strings.Contains(file.Doc.Text(), "Code generated") {
			t.Errorf("%s: the marker is the package doc", name)
		}
		undocumented(t, name, file)
	}
}

// undocumented reports exported declarations without a comment in the files
// that people read.
func undocumented(t *testing.T, name string, file *ast.File) {
	t.Helper()
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Name.IsExported() && decl.Doc == nil {
				t.Errorf("%s: %s has no doc", name, decl.Name.Name)
			}
		case *ast.GenDecl:
			if (decl.Tok == token.TYPE || decl.Tok == token.VAR && !strings.HasSuffix(name, ".codec.go")) && decl.Doc == nil {
				t.Errorf("%s: declaration at %d has no doc", name, decl.Pos())
			}
		}
	}
}
