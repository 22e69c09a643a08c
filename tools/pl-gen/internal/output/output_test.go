package output

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// A repo is a directory that plans are brought to.
type repo struct {
	t    testing.TB
	root string
}

func newRepo(t *testing.T) repo { return repo{t, t.TempDir()} }

func (r repo) put(path, text string) {
	r.t.Helper()
	if err := disk.Write(filepath.Join(r.root, path), []byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r repo) compare(files map[string]string) *Changes {
	r.t.Helper()
	old, err := ReadManifest(r.root)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := Compare(stamp.Open(r.root, "none"), r.root, old, Desired{Files: planned(files)})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func planned(files map[string]string) []plan.File {
	var list []plan.File
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f := plan.File{Path: path, Content: []byte(files[path]), Emitter: "test"}
		if strings.HasPrefix(path, "services/") {
			f.Ownership = plan.Scaffolded
		}
		list = append(list, f)
	}
	return list
}

func (r repo) write(files map[string]string) {
	r.t.Helper()
	if err := r.compare(files).Write(r.root); err != nil {
		r.t.Fatal(err)
	}
}

// tree returns what is on disk, without the cache and the manifest.
func (r repo) tree() map[string]string {
	r.t.Helper()
	got := map[string]string{}
	fsys := os.DirFS(r.root)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == ManifestPath {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		got[name] = string(text)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func kinds(c *Changes) string {
	var b strings.Builder
	for _, ch := range c.List {
		b.WriteString(string(ch.Kind) + " " + ch.Path)
		if ch.Edited {
			b.WriteString(" edited")
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestPlansComeToTheDisk(t *testing.T) {
	r := newRepo(t)
	for _, step := range []struct {
		plan map[string]string
		want string
	}{
		{map[string]string{"gen/a/x.go": "1", "gen/b.go": "1"}, "create gen/a/x.go; create gen/b.go"},
		{map[string]string{"gen/a/x.go": "1", "gen/b.go": "1"}, ""},
		{map[string]string{"gen/a/x.go": "2", "gen/b.go": "1"}, "update gen/a/x.go"},
		{map[string]string{"gen/b.go": "1", "gen/c.go": "1"}, "delete gen/a/x.go; create gen/c.go"},
		{map[string]string{}, "delete gen/b.go; delete gen/c.go"},
	} {
		c := r.compare(step.plan)
		if got := kinds(c); got != step.want {
			t.Errorf("changes %q, want %q", got, step.want)
		}
		if err := c.Write(r.root); err != nil {
			t.Fatal(err)
		}
		if got := r.tree(); !maps.Equal(got, step.plan) {
			t.Errorf("the disk has %v, want %v", got, step.plan)
		}
	}
	if _, err := os.Stat(filepath.Join(r.root, "gen/a")); err == nil {
		t.Error("an empty directory stayed")
	}
}

func TestEditsAreSeen(t *testing.T) {
	r := newRepo(t)
	r.write(map[string]string{"gen/a.go": "1", "gen/b.go": "1", "gen/c.go": "1"})
	r.put("gen/a.go", "edited")
	r.put("gen/b.go", "edited")
	r.put("gen/d.go", "somebody's")
	c := r.compare(map[string]string{"gen/a.go": "1", "gen/c.go": "2", "gen/d.go": "ours"})
	want := "update gen/a.go edited; delete gen/b.go edited; update gen/c.go; update gen/d.go edited"
	if got := kinds(c); got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
	if got := len(c.Edited()); got != 3 {
		t.Errorf("%d edited, want 3", got)
	}
}

func TestAnEditThatIsThePlanIsNone(t *testing.T) {
	r := newRepo(t)
	r.write(map[string]string{"gen/a.go": "1"})
	r.put("gen/a.go", "2")
	if got := kinds(r.compare(map[string]string{"gen/a.go": "2"})); got != "" {
		t.Errorf("changes %q", got)
	}
}

func TestScaffoldedFilesAreWrittenOnceAndNeverPruned(t *testing.T) {
	r := newRepo(t)
	r.write(map[string]string{"services/a.go": "stub"})
	r.put("services/a.go", "theirs")
	for _, files := range []map[string]string{{"services/a.go": "another stub"}, {}} {
		if got := kinds(r.compare(files)); got != "" {
			t.Errorf("changes %q", got)
		}
	}
}

func TestAnInterruptedWriteIsCompletedByTheNext(t *testing.T) {
	r := newRepo(t)
	first := map[string]string{"gen/a.go": "1", "gen/b.go": "1", "gen/old.go": "1"}
	second := map[string]string{"gen/a.go": "2", "gen/b.go": "2", "gen/new.go": "2"}
	for stop := range 5 {
		r.write(first)
		c := r.compare(second)
		s, err := newStage(r.root)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.each(s.put); err != nil {
			t.Fatal(err)
		}
		if err := c.writeManifest(r.root, c.old.with(c.next)); err != nil {
			t.Fatal(err)
		}
		for i := range min(stop, len(c.List)) {
			if err := s.move(i, c.List[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
		again := r.compare(second)
		if len(again.Edited()) > 0 {
			t.Errorf("stopped after %d moves: %q", stop, kinds(again))
		}
		if err := again.Write(r.root); err != nil {
			t.Fatal(err)
		}
		if got := r.tree(); !maps.Equal(got, second) {
			t.Errorf("stopped after %d moves: the disk has %v", stop, got)
		}
	}
}

func TestAFailureWhileStagingChangesNothing(t *testing.T) {
	r := newRepo(t)
	r.write(map[string]string{"gen/a.go": "1"})
	c := r.compare(map[string]string{"gen/a.go": "2", "gen/b.go": "2"})
	s := &stage{r.root, filepath.Join(r.root, "does", "not", "exist")}
	if err := c.writeThrough(s); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Fatalf("got %v", err)
	}
	if got := r.tree(); !maps.Equal(got, map[string]string{"gen/a.go": "1"}) {
		t.Errorf("the disk has %v", got)
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		change Change
		want   []string
	}{
		{Change{Kind: Create, Path: "gen/a", New: []byte("x\n")}, []string{"--- /dev/null\n", "+++ b/gen/a\n", "+x\n"}},
		{Change{Kind: Update, Path: "gen/a", Old: []byte("x\n"), New: []byte("y\n")}, []string{"--- a/gen/a\n", "+++ b/gen/a\n", "-x\n", "+y\n"}},
		{Change{Kind: Delete, Path: "gen/a", Old: []byte("x\n")}, []string{"--- a/gen/a\n", "+++ /dev/null\n", "-x\n"}},
	} {
		for _, want := range c.want {
			if got := string(c.change.Diff()); !strings.Contains(got, want) {
				t.Errorf("%s: the diff lacks %q:\n%s", c.change.Kind, want, got)
			}
		}
	}
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{1,8}`)
		var entries []Entry
		for range rapid.IntRange(0, 20).Draw(t, "files") {
			text := word.Draw(t, "content")
			entries = append(entries, Entry{"gen/" + word.Draw(t, "path"), word.Draw(t, "emitter"), stamp.Of([]byte(text))})
		}
		m := NewManifest(entries, map[string]stamp.Sum{"buf pl/quiz/v1": stamp.Of(nil)})
		again, err := parseManifest(m.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), m.Bytes()) {
			t.Errorf("got\n%s\nwant\n%s", again.Bytes(), m.Bytes())
		}
	})
}

func TestManifestRefusesWhatItCannotRead(t *testing.T) {
	sum := strings.Repeat("0", 64)
	for _, line := range []string{"x", sum, sum + " event", sum + " event ../a", sum + " event /a", "inputs x y", sum[1:] + " event gen/a"} {
		if _, err := parseManifest([]byte("generation 1\n" + line + "\n")); err == nil || !strings.Contains(err.Error(), "gen/MANIFEST:2:1") {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(NewManifest([]Entry{{"gen/a", "x", stamp.Sum{}}}, nil).Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		if _, err := parseManifest(m.Bytes()); err != nil {
			t.Errorf("what was read cannot be written and read: %v", err)
		}
	})
}
