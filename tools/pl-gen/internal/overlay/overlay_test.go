package overlay

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
)

// TestFS holds the overlay against the contract of file systems.
func TestFS(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a/old.txt", "a/edited.txt", "b/c/old.txt"} {
		if err := disk.Write(filepath.Join(root, filepath.FromSlash(name)), []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	o := FS{os.DirFS(root), map[string][]byte{"a/edited.txt": []byte("edited"), "a/new.txt": {}, "d/e/new.txt": []byte("new")}}
	if err := fstest.TestFS(o, "a/old.txt", "a/edited.txt", "a/new.txt", "b/c/old.txt", "d/e/new.txt"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"a/old.txt": "old", "a/edited.txt": "edited", "a/new.txt": "", "d/e/new.txt": "new"} {
		if got, err := fs.ReadFile(o, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"absent", "d/absent"} {
		if _, err := o.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := o.ReadDir(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
