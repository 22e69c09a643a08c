package disk

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// only fails unless the files below root are these.
func only(t *testing.T, root string, files ...string) {
	t.Helper()
	if err := fstest.TestFS(os.DirFS(root), files...); err != nil {
		t.Error(err)
	}
	entries, err := filepath.Glob(filepath.Join(root, "*", ".*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestUpdate(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, "a", "b.txt")
	for _, e := range []struct {
		text    string
		changed bool
	}{{"one", true}, {"one", false}, {"", true}, {"two", true}} {
		changed, err := Update(name, []byte(e.text))
		text, rerr := os.ReadFile(name)
		if err != nil || rerr != nil || changed != e.changed || string(text) != e.text {
			t.Errorf("%q: changed %v, holds %q, %v, %v", e.text, changed, text, err, rerr)
		}
	}
	only(t, root, "a/b.txt")
}

func TestWhatCannotBeWrittenLeavesNothing(t *testing.T) {
	root := t.TempDir()
	if err := Write(filepath.Join(root, "a", "b", "c.txt"), nil); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(root, "a", "b"), []byte("text")); err == nil {
		t.Error("a directory with files was replaced")
	}
	only(t, root, "a/b/c.txt")
}

func TestRemove(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a/b/c/gone.txt", "a/kept.txt"} {
		if err := Write(filepath.Join(root, filepath.FromSlash(name)), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Remove(root, "a/b/c/gone.txt"); err != nil {
			t.Error(err)
		}
	}
	only(t, root, "a/kept.txt")
	if _, err := os.Stat(filepath.Join(root, "a", "b")); err == nil {
		t.Error("the empty directory a/b is still there")
	}
	if err := Remove(root, "a"); err == nil {
		t.Error("a directory with a file was removed")
	}
}
