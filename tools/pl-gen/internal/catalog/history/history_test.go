package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A repository is a git repository for one test.
type repository struct {
	t    *testing.T
	root string
	day  int
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("git is not installed: %v", err)
		}
		t.Skipf("NOT RUN: git is not installed: %v", err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "A Squad")
		t.Setenv("GIT_"+who+"_EMAIL", "squad@example.com")
	}
	r := &repository{t: t, root: t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repository) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.root}, args...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GIT_COMMITTER_DATE=2026-01-%02dT12:00:00Z", max(r.day, 1)), "GIT_AUTHOR_DATE=2020-01-01T12:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	full := filepath.Join(r.root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repository) commit(subject string) {
	r.t.Helper()
	r.day++
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", subject)
}

func (r *repository) history(dir string) *History {
	r.t.Helper()
	h, err := Read(context.Background(), r.root, dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// told is a history in one line a commit.
func told(h *History, file string) []string {
	var list []string
	for _, e := range h.Entries(file) {
		line := e.Date + " " + e.Subject
		if e.First {
			line += fmt.Sprintf(" (%d fields)", e.Fields)
		}
		for _, c := range e.Changes {
			line += fmt.Sprintf("; %s %s %s", c.Kind, c.Path, c.What)
		}
		list = append(list, strings.TrimSpace(line))
	}
	return list
}

func schemaText(fields string) string {
	return `{"type": "record", "name": "E", "doc": "` + strings.Repeat("The same. ", 20) + `", "fields": [` + fields + `]}`
}

const (
	fieldA = `{"name": "a", "type": "string", "doc": "A."}`
	fieldB = `{"name": "b", "type": "int", "default": 7, "doc": "B."}`
)

func TestHistoryFollowsRenames(t *testing.T) {
	r := newRepository(t)
	r.write("avro/old.avsc", schemaText(fieldA))
	r.commit("Add")
	r.write("avro/old.avsc", schemaText(fieldA+","+fieldB))
	r.commit("Add b")
	r.git("mv", "avro/old.avsc", "avro/späte r.avsc")
	r.commit("Rename")
	r.write("avro/old.avsc", schemaText(fieldB))
	r.write("elsewhere.txt", "x")
	r.commit("Another one with the old name")
	r.write("avro/späte r.avsc", schemaText(fieldB))
	want := map[string][]string{
		"avro/späte r.avsc": {"Not committed; removed a string", "2026-01-03 Rename", "2026-01-02 Add b; added b int = 7", "2026-01-01 Add (1 fields)"},
		"avro/old.avsc":     {"2026-01-04 Another one with the old name (1 fields)"},
	}
	h := r.history("avro")
	for file, lines := range want {
		if got := told(h, file); !reflect.DeepEqual(got, lines) {
			t.Errorf("%s: %q, want %q", file, got, lines)
		}
	}
}

func TestHistoryOfAFileThatCameBack(t *testing.T) {
	r := newRepository(t)
	r.write("avro/e.avsc", schemaText(fieldA))
	r.commit("Add")
	r.git("rm", "-q", "avro/e.avsc")
	r.commit("Remove")
	r.write("avro/e.avsc", schemaText(fieldB))
	r.commit("Add again")
	if got := told(r.history("avro"), "avro/e.avsc"); !reflect.DeepEqual(got, []string{"2026-01-03 Add again (1 fields)"}) {
		t.Errorf("%q", got)
	}
}

func TestHistoryBelowTheTopOfARepository(t *testing.T) {
	r := newRepository(t)
	r.write("sub/avro/e.avsc", schemaText(fieldA))
	r.commit("Add")
	h, err := Read(context.Background(), filepath.Join(r.root, "sub"), "avro")
	if err != nil || len(h.revisions["avro/e.avsc"]) != 1 {
		t.Errorf("%v, %v", h, err)
	}
}

func TestHistoryOfAShallowClone(t *testing.T) {
	r := newRepository(t)
	r.write("avro/e.avsc", schemaText(fieldA))
	r.commit("Add")
	r.write("avro/e.avsc", schemaText(fieldA+","+fieldB))
	r.commit("Add b")
	clone := &repository{t: t, root: t.TempDir()}
	clone.git("clone", "-q", "--depth", "1", "file://"+r.root, ".")
	h := clone.history("avro")
	if got := told(h, "avro/e.avsc"); !h.Shallow || !reflect.DeepEqual(got, []string{"2026-01-02 Add b (2 fields)"}) {
		t.Errorf("shallow %v: %q", h.Shallow, got)
	}
}

func TestNoHistory(t *testing.T) {
	r := newRepository(t)
	if h := r.history("avro"); len(h.revisions) != 0 {
		t.Errorf("a repository without commits has %v", h.revisions)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	if _, err := Read(context.Background(), t.TempDir(), "avro"); !errors.Is(err, ErrNoGit) {
		t.Errorf("outside of a repository: %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := Read(context.Background(), r.root, "avro"); !errors.Is(err, ErrNoGit) {
		t.Errorf("without git: %v", err)
	}
}

func TestDiff(t *testing.T) {
	for _, e := range []struct{ name, old, new, want string }{
		{"nothing", fieldA, `{"doc": "A.",   "type": "string", "name": "a"}`, ``},
		{"added", fieldA, fieldA + "," + fieldB, `added b int = 7`},
		{"removed", fieldA + "," + fieldB, fieldA, `removed b int = 7`},
		{"type", fieldB, `{"name": "b", "type": "long", "default": 7, "doc": "B."}`, `changed b type int>long`},
		{"default", fieldB, `{"name": "b", "type": "int", "doc": "B."}`, `changed b default 7>`},
		{"doc", fieldA, `{"name": "a", "type": "string", "doc": "Really."}`, `changed a doc A.>Really.`},
		{"pii", fieldA, `{"name": "a", "type": "string", "doc": "A.", "pl": {"pii": "name"}}`, `changed a pii >"name"`},
		{"alias", fieldA, `{"name": "a", "type": "string", "doc": "A.", "aliases": ["z"]}`, `changed a aliases >z`},
		{"logical type", fieldA, `{"name": "a", "type": {"type": "string", "logicalType": "uuid"}, "doc": "A."}`, `changed a type string>uuid`},
		{"decimal", `{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}`,
			`{"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 3}}`, `changed a type decimal(4,2)>decimal(4,3)`},
		{"union", `{"name": "a", "type": ["null", "string"]}`, `{"name": "a", "type": ["null", "string", {"type": "array", "items": "int"}]}`,
			`changed a type null | string>null | string | array<int>`},
		{"symbol", `{"name": "a", "type": {"type": "enum", "name": "X", "symbols": ["A", "B"]}}`, `{"name": "a", "type": {"type": "enum", "name": "X", "symbols": ["A", "C"]}}`,
			`added a = C symbol;removed a = B symbol`},
		{"inner field", `{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "X", "fields": [{"name": "i", "type": "int"}]}}}`,
			`{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "X", "fields": [{"name": "i", "type": "long"}]}}}`, `changed a.i type int>long`},
		{"reference", `{"name": "a", "type": "pl.common.v1.Money"}`, `{"name": "a", "type": "pl.common.v1.Price"}`, `changed a type Money>Price`},
	} {
		var got []string
		for _, c := range diff(outlineOf([]byte(schemaText(e.old))), outlineOf([]byte(schemaText(e.new)))) {
			line := c.Kind + " " + c.Path + " " + c.What
			if c.Kind == "changed" {
				line += " " + c.Old + ">" + c.New
			}
			got = append(got, line)
		}
		if text := strings.Join(got, ";"); text != e.want {
			t.Errorf("%s: %q, want %q", e.name, text, e.want)
		}
	}
}

// FuzzOutline expects an outline of any text, never a panic.
func FuzzOutline(f *testing.F) {
	f.Add([]byte(schemaText(fieldA)), []byte(schemaText(fieldB)))
	f.Add([]byte(`[]`), []byte(`{"type": {"type": {"type": "record", "fields": [1, null, {}]}}}`))
	f.Add([]byte(``), []byte(`"x`))
	f.Fuzz(func(t *testing.T, old, new []byte) {
		a, b := outlineOf(old), outlineOf(new)
		if len(diff(a, a)) != 0 {
			t.Errorf("%q differs from itself", old)
		}
		diff(a, b)
	})
}
