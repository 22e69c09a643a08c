package event_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

var update = flag.Bool("update", false, "write what is generated over what is expected")

// here is the import path of this directory.
const here = "github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"

// build returns the model of contracts in memory, in a module of that name.
func build(t testing.TB, module string, files fstest.MapFS) *model.Model {
	t.Helper()
	files["go.mod"] = &fstest.MapFile{Data: []byte("module " + module + "\n")}
	return modeltest.Load(t, files)
}

// readAll returns the files below a directory of the disk.
func readAll(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := make(fstest.MapFS)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// write puts a file on the disk, with its directory.
func write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
