//go:build unix

package web_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/typescript"
)

// install installs the packages of npm.
func install(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed: install Node 20.19 or newer")
		}
	}
	if err := typescript.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestBuilt checks the page's types in strict mode, builds it, and compares it
// with what is committed and what the hub therefore serves.
func TestBuilt(t *testing.T) {
	install(t)
	app, built := filepath.Join(root, "services/web/app"), t.TempDir()
	modules, err := filepath.Abs(filepath.Join(root, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{filepath.Join(modules, "typescript/bin/tsc"), "--noEmit"},
		{filepath.Join(modules, "vite/bin/vite.js"), "build", "--logLevel", "warn", "--outDir", built},
	} {
		cmd := exec.CommandContext(t.Context(), "node", args...)
		cmd.Dir = app
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	compare(t, os.DirFS(built), os.DirFS(filepath.Join(root, "services/web/dist")))
}

// compare fails when what is committed is not what was built.
func compare(t *testing.T, built, committed fs.FS) {
	want, got := read(t, built), read(t, committed)
	if len(want) < 3 {
		t.Fatalf("the build has %d files, want index.html, a script and a style at least", len(want))
	}
	for name, content := range want {
		if !bytes.Equal(got[name], content) {
			t.Errorf("services/web/dist/%s is not what services/web/app gives; run make web and commit", name)
		}
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("services/web/dist/%s is left from another build; run make web and commit", name)
		}
	}
}

func read(t *testing.T, fsys fs.FS) map[string][]byte {
	files := map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[name], err = fs.ReadFile(fsys, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
