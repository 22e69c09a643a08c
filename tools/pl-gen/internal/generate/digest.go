package generate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/proto"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/output"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// single are the inputs outside of directories that are read whole.
var single = []string{"go.mod", "buf.yaml", proto.TemplateFile, proto.ToolsModFile}

// digest is a fingerprint of all inputs and outputs, and of pl-gen itself. Two
// runs with one digest would do the same.
func (g *Generator) digest(disk *stamp.Store) (stamp.Sum, error) {
	d := digester{disk: disk, root: g.root, hash: sha256.New()}
	d.self()
	for _, name := range single {
		d.file(name)
	}
	d.tree("contracts", func(name string) bool {
		return path.Ext(name) == ".avsc" || path.Ext(name) == ".proto"
	})
	d.tree("services", func(name string) bool {
		return !strings.HasSuffix(name, "_test.go")
	})
	d.outputs()
	var sum stamp.Sum
	d.hash.Sum(sum[:0])
	return sum, d.err
}

type digester struct {
	disk *stamp.Store
	root string
	hash hash.Hash
	err  error
}

// file adds a file that may be absent.
func (d *digester) file(name string) {
	sum, err := d.disk.Sum(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.err = errors.Join(d.err, err)
	}
	fmt.Fprintf(d.hash, "%s\n", name)
	d.hash.Write(sum[:])
}

func (d *digester) self() {
	sum, err := executable(d.disk)
	d.err = errors.Join(d.err, err)
	d.hash.Write(sum[:])
}

// executable is the fingerprint of pl-gen itself: another pl-gen may have other
// templates.
func executable(disk *stamp.Store) (stamp.Sum, error) {
	name, err := os.Executable()
	if err != nil {
		return stamp.Sum{}, fmt.Errorf("find pl-gen's own executable: %w", err)
	}
	return disk.Sum(name)
}

func (d *digester) tree(dir string, want func(string) bool) {
	err := filepath.WalkDir(filepath.Join(d.root, dir), func(name string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !e.IsDir() && want(name):
			rel, err := filepath.Rel(d.root, name)
			d.file(filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	d.err = errors.Join(d.err, err)
}

func (d *digester) outputs() {
	manifest, err := output.ReadManifest(d.root)
	if err != nil {
		d.err = errors.Join(d.err, err)
		return
	}
	d.file(output.ManifestPath)
	for _, e := range manifest.Entries() {
		d.file(e.Path)
	}
}
