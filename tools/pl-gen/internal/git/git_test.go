package git

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func repository(t *testing.T) Repo {
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
	r := Repo{t.TempDir()}
	r.must(t, "init", "-q", "-b", "main")
	return r
}

func (r Repo) must(t *testing.T, args ...string) string {
	t.Helper()
	line, err := r.Line(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestBlobs(t *testing.T) {
	r := repository(t)
	want, ids := map[string][]byte{}, []string{"0123456789012345678901234567890123456789"}
	for _, text := range []string{"", "one line", "a\nb\n", "x blob 3\n\x00"} {
		name := filepath.Join(r.Root, "file")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		id := r.must(t, "hash-object", "-w", name)
		want[id], ids = []byte(text), append(ids, id)
	}
	got, err := r.Blobs(t.Context(), ids)
	if err != nil || !maps.EqualFunc(got, want, func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestAnAnswerThatIsCutOff(t *testing.T) {
	for _, text := range []string{"id blob 3\nab", "id blob 3\nabc", "id blob x\nabc\n", "id blob -1\nabc\n"} {
		if blobs, err := parseBlobs([]byte(text)); err == nil {
			t.Errorf("%q is read as %q", text, blobs)
		}
	}
}

func TestCommit(t *testing.T) {
	r := repository(t)
	if id, err := r.Commit(t.Context(), "HEAD"); err == nil {
		t.Errorf("HEAD of a repository without commits is %s", id)
	}
	r.must(t, "commit", "-q", "--allow-empty", "-m", "Begin")
	if id, err := r.Commit(t.Context(), "main"); err != nil || id != r.must(t, "rev-parse", "HEAD") {
		t.Errorf("main is %q, %v", id, err)
	}
	if id, err := r.Commit(t.Context(), "--all"); err == nil {
		t.Errorf("an option names the commit %s", id)
	}
}

func TestShallow(t *testing.T) {
	r := repository(t)
	r.must(t, "commit", "-q", "--allow-empty", "-m", "One")
	r.must(t, "commit", "-q", "--allow-empty", "-m", "Two")
	clone := Repo{filepath.Join(t.TempDir(), "clone")}
	r.must(t, "clone", "-q", "--depth", "1", "file://"+r.Root, clone.Root)
	for repo, want := range map[Repo]bool{r: false, clone: true} {
		if got, err := repo.Shallow(t.Context()); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", repo.Root, got, err, want)
		}
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	if _, err := (Repo{t.TempDir()}).Shallow(t.Context()); err == nil {
		t.Error("outside of a repository there is an answer")
	}
}
