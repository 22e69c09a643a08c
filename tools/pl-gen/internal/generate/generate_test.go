package generate

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
)

// top is the root of this repository.
const top = "../../../.."

// copyRepository copies what generation reads of this repository. Without
// protos no external tool is needed.
func copyRepository(t *testing.T, withProtos bool) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "buf.yaml", "buf.gen.yaml", "tools/tools.mod", "tools/tools.sum"} {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, root, name, string(text))
	}
	dirs := []string{"contracts/avro"}
	if withProtos {
		dirs = append(dirs, "contracts/proto")
	}
	for _, dir := range dirs {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join(top, dir))); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, root, name, old, new string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	put(t, root, name, strings.Replace(string(text), old, new, 1))
}

// generate runs once and writes; it returns the paths that changed.
func generate(t *testing.T, root string) []string {
	t.Helper()
	r, err := New(root, io.Discard).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Blocked() || len(r.Edited()) > 0 {
		t.Fatalf("blocked: %v, edited: %v", r.Findings, r.Edited())
	}
	if err := r.Write(); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range r.Pending() {
		paths = append(paths, string(c.Kind)+" "+c.Path)
	}
	return paths
}

func tree(t *testing.T, root, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	fsys := os.DirFS(root)
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameAsFromNothing checks that what is on disk after small steps is what the
// contracts give from nothing.
func sameAsFromNothing(t *testing.T, root string) {
	t.Helper()
	before := tree(t, root, "gen")
	for _, dir := range []string{"gen", ".pl"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			t.Fatal(err)
		}
	}
	generate(t, root)
	after := tree(t, root, "gen")
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			t.Errorf("%s differs from what is generated from nothing", name)
		}
		delete(before, name)
	}
	for name := range before {
		t.Errorf("%s is not generated from nothing", name)
	}
}

// An event edit is a change of the contracts and the files that it must
// change; others must stay.
var eventEdits = []struct {
	name, file, old, new string
	want                 []string
}{
	{"doc of a field", "contracts/avro/quiz/v1/quiz_completed.avsc", `"doc": "`, `"doc": "Really: `,
		[]string{"update gen/event/quiz/v1/quiz_completed.event.go", "update gen/event/quiz/v1/quiz_completed.codec.go"}},
	{"shared record", "contracts/avro/common/v1/money.avsc", `"doc": "An amount of money."`, `"doc": "An amount of some money."`,
		[]string{"update gen/event/common/v1/money.event.go"}},
	{"white space", "contracts/avro/quiz/v1/quiz_completed.avsc", "\n", "\n\n", nil},
}

func TestEventsIncrementally(t *testing.T) {
	root := copyRepository(t, false)
	generate(t, root)
	for _, e := range eventEdits {
		t.Run(e.name, func(t *testing.T) {
			edit(t, root, e.file, e.old, e.new)
			got := generate(t, root)
			for _, path := range got {
				if !strings.Contains(path, "gen/event/") && !strings.Contains(path, "gen/asyncapi/") && !strings.Contains(path, "gen/sdk/ts/") {
					t.Errorf("the change reached %s", path)
				}
			}
			for _, want := range e.want[:min(1, len(e.want))] {
				if !slices.Contains(got, want) {
					t.Errorf("changes %v lack %q", got, want)
				}
			}
			if e.want == nil && len(got) > 0 {
				t.Errorf("changes %v, want none", got)
			}
			if again := generate(t, root); len(again) > 0 {
				t.Errorf("generating again changes %v", again)
			}
		})
	}
	sameAsFromNothing(t, root)
}

func TestNothingIsWrittenOnErrors(t *testing.T) {
	root := copyRepository(t, false)
	generate(t, root)
	before := tree(t, root, "gen")
	edit(t, root, "contracts/avro/quiz/v1/quiz_completed.avsc", `"type": "string"`, `"type": "strin"`)
	r, err := New(root, io.Discard).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Blocked() || r.Pending() != nil {
		t.Errorf("findings %v, %d pending", r.Findings, len(r.Pending()))
	}
	if err := r.Write(); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, tree(t, root, "gen")) {
		t.Error("something was written")
	}
}

func TestWarningsAreRepeatedOnTheFastPath(t *testing.T) {
	root := copyRepository(t, false)
	var first []diag.Diagnostic
	for i := range 3 {
		r, err := New(root, io.Discard).Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = r.Findings
		}
		if len(r.Findings) == 0 || !slices.Equal(r.Findings, first) {
			t.Errorf("run %d has %d findings, the first %d", i, len(r.Findings), len(first))
		}
		if fast := r.Changes == nil; fast != (i > 0) {
			t.Errorf("run %d: on the fast path is %v", i, fast)
		}
	}
}

func TestADamagedCacheIsHarmless(t *testing.T) {
	root := copyRepository(t, false)
	generate(t, root)
	for _, name := range []string{"stamps", "clean", "units"} {
		put(t, root, ".pl/pl-gen/"+name, "{damaged")
		if got := generate(t, root); len(got) > 0 {
			t.Errorf("with a damaged %s: changes %v", name, got)
		}
	}
	edit(t, root, "gen/event/quiz/v1/doc.go", "package", "package ")
	put(t, root, ".pl/pl-gen/stamps", "")
	r, err := New(root, io.Discard).Run(context.Background())
	if err != nil || len(r.Edited()) != 1 {
		t.Errorf("an edit is not seen without stamps: %v, %v", r, err)
	}
}

// needBuf skips loudly where buf would have to be built, which takes longer
// than all other tests; in CI it has to be there.
func needBuf(t *testing.T) {
	t.Helper()
	_, ok, err := (&proto.Buf{Root: top, Log: io.Discard}).Installed(context.Background())
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("the pinned buf is not installed: %v; install it, or set PL_BUF", err)
	default:
		t.Skipf("NOT RUN: the pinned buf is not installed (set PL_BUF to run it): %v", err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
}

func TestProtosIncrementally(t *testing.T) {
	needBuf(t)
	root := copyRepository(t, true)
	generate(t, root)
	const quiz = "contracts/proto/pl/quiz/v1/quiz.proto"
	for _, e := range []struct {
		name, file, old, new string
		want, not            []string
	}{
		{"doc of a call", quiz, "// GetQuiz returns", "// GetQuiz surely returns",
			[]string{"gen/proto/pl/quiz/", "gen/openapi/quiz.json"}, []string{"gen/ent/", "gen/event/", "gen/proto/pl/course", "gen/asyncapi/"}},
		{"new column", quiz, "  string title = 3;", "  string title = 3;\n  // The quiz's colour.\n  string colour = 900;",
			[]string{"gen/proto/pl/quiz/", "gen/ent/quiz/"}, []string{"gen/ent/course/", "gen/event/"}},
		{"new consumer", quiz, `    consumes: {topic: "pl.course.course_published.v1"}`,
			"    consumes: {topic: \"pl.course.course_published.v1\"}\n    consumes: {topic: \"pl.userprofile.user_registered.v1\"}",
			[]string{"gen/service/quiz/"}, []string{"gen/ent/", "gen/service/course/"}},
	} {
		t.Run(e.name, func(t *testing.T) {
			edit(t, root, e.file, e.old, e.new)
			got := generate(t, root)
			for _, want := range e.want {
				if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, want) }) {
					t.Errorf("nothing under %s changed: %v", want, got)
				}
			}
			for _, not := range e.not {
				if slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, not) }) {
					t.Errorf("something under %s changed: %v", not, got)
				}
			}
		})
	}
	edit(t, root, quiz, "message Quiz {", "message Quiz  {")
	r, err := New(root, io.Discard).Run(context.Background())
	if err != nil || len(r.Pending()) > 0 || len(r.Stale()) != 1 || r.Stale()[0].Path != output.ManifestPath {
		t.Errorf("a change that only the manifest shows: %v, %v", len(r.Stale()), err)
	}
	if err := r.Write(); err != nil || len(r.Stale()) > 0 {
		t.Errorf("the manifest was not written: %v", err)
	}
	sameAsFromNothing(t, root)
}

// TestACloneNeedsNoBuf checks that the committed manifest vouches for buf's
// files.
func TestACloneNeedsNoBuf(t *testing.T) {
	needBuf(t)
	root := copyRepository(t, true)
	generate(t, root)
	if err := os.RemoveAll(filepath.Join(root, ".pl")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PL_BUF", filepath.Join(root, "no-buf-here"))
	if got := generate(t, root); len(got) > 0 {
		t.Errorf("changes %v", got)
	}
	edit(t, root, "contracts/proto/pl/quiz/v1/quiz.proto", "// GetQuiz returns", "// GetQuiz surely returns")
	if _, err := New(root, io.Discard).Run(context.Background()); err == nil || !strings.Contains(err.Error(), "no-buf-here") {
		t.Errorf("a changed proto without buf: %v", err)
	}
}

func TestManifestListsEveryFileOnce(t *testing.T) {
	root := copyRepository(t, false)
	generate(t, root)
	m, err := output.ReadManifest(root)
	if err != nil {
		t.Fatal(err)
	}
	onDisk := tree(t, root, "gen")
	if got, want := len(m.Entries()), len(onDisk)-1; got != want {
		t.Errorf("the manifest has %d files, the disk %d", got, want)
	}
	for _, e := range m.Entries() {
		if _, ok := onDisk[e.Path]; !ok {
			t.Errorf("%s is in the manifest only", e.Path)
		}
	}
}
