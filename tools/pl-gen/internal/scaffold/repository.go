package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/overlay"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A repository is the repository on disk with changes laid over it in memory;
// only commit touches the disk.
type repository struct {
	overlay.FS
	dir   string
	added map[string]bool // those of the changes that are new files
}

func open(dir string) *repository {
	return &repository{overlay.FS{Disk: os.DirFS(dir), Files: map[string][]byte{}}, dir, map[string]bool{}}
}

// add plans a new file. A file that is there is never overwritten.
func (r *repository) add(name string, content []byte) error {
	if _, err := fs.Stat(r, name); err == nil {
		return fmt.Errorf("%s is already there", name)
	}
	r.put(name, content)
	return nil
}

// put plans a new file, or a new content of one that is on disk.
func (r *repository) put(name string, content []byte) {
	r.Files[name] = content
	r.added[name] = !r.exists(name)
}

// exists reports whether there is such a file or directory.
func (r *repository) exists(name string) bool {
	_, err := fs.Stat(r.Disk, name)
	return err == nil
}

// load reads and checks the contracts as they will be.
func (r *repository) load() (*model.Model, []diag.Diagnostic, error) {
	set, findings, err := source.Load(r)
	if err != nil {
		return nil, nil, err
	}
	m, more := model.Build(set)
	findings = append(append(findings, more...), lint.Check(set, m)...)
	return m, diag.Sort(lint.Waive(set, findings)), nil
}

// commit writes everything and returns how to take it back. When a write
// fails, what was written before is taken back at once.
func (r *repository) commit() (takeBack func() error, err error) {
	var done []undo
	takeBack = func() error {
		var err error
		for _, u := range slices.Backward(done) {
			err = errors.Join(err, u.run(r.dir))
		}
		return err
	}
	for _, name := range r.names() {
		u, err := r.write(name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), takeBack())
		}
		done = append(done, u)
	}
	return takeBack, nil
}

func (r *repository) names() []string { return slices.Sorted(maps.Keys(r.Files)) }

// An undo takes back one write.
type undo struct {
	name string
	old  []byte // nil for a file that was not there
}

func (r *repository) write(name string) (undo, error) {
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if r.added[name] {
		return undo{name: name}, create(file, r.Files[name])
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return undo{}, err
	}
	return undo{name, old}, disk.Write(file, r.Files[name])
}

// create writes a file that must not be there.
func create(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

func (u undo) run(dir string) error {
	if u.old != nil {
		return disk.Write(filepath.Join(dir, filepath.FromSlash(u.name)), u.old)
	}
	return disk.Remove(dir, u.name)
}
