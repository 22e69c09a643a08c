package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A repository is the repository on disk with changes laid over it in memory.
// It is an fs.FS of both; only commit touches the disk.
type repository struct {
	dir   string
	disk  fs.FS
	added map[string][]byte // new files
	edits map[string][]byte // new contents of files on disk
}

func open(dir string) *repository {
	return &repository{dir: dir, disk: os.DirFS(dir), added: map[string][]byte{}, edits: map[string][]byte{}}
}

// add plans a new file. A file that is there is never overwritten.
func (r *repository) add(name string, content []byte) error {
	if _, err := fs.Stat(r, name); err == nil {
		return fmt.Errorf("%s is already there", name)
	}
	r.added[name] = content
	return nil
}

// put plans a new file, or a new content of one that is on disk.
func (r *repository) put(name string, content []byte) {
	if _, err := fs.Stat(r.disk, name); err == nil {
		r.edits[name] = content
		return
	}
	r.added[name] = content
}

// exists reports whether there is such a file or directory.
func (r *repository) exists(name string) bool {
	_, err := fs.Stat(r.disk, name)
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

// Open, ReadDir and Stat make the repository an fs.FS.
func (r *repository) Open(name string) (fs.File, error) {
	if content, ok := r.content(name); ok {
		return &memoryFile{Reader: bytes.NewReader(content), name: path.Base(name), size: len(content)}, nil
	}
	if r.hasBelow(name) {
		entries, err := r.ReadDir(name)
		return &memoryDir{name: path.Base(name), entries: entries}, err
	}
	return r.disk.Open(name)
}

func (r *repository) content(name string) ([]byte, bool) {
	if c, ok := r.edits[name]; ok {
		return c, true
	}
	c, ok := r.added[name]
	return c, ok
}

func (r *repository) hasBelow(dir string) bool {
	for name := range r.added {
		if dir == "." || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// ReadDir lists a directory of both.
func (r *repository) ReadDir(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(r.disk, dir)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || !r.hasBelow(dir)) {
		return nil, err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		seen[e.Name()] = true
	}
	for name, content := range r.added {
		rest, ok := below(name, dir)
		if !ok {
			continue
		}
		first, _, isDir := strings.Cut(rest, "/")
		if !seen[first] {
			seen[first] = true
			entries = append(entries, memoryInfo{name: first, size: len(content), dir: isDir})
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func below(name, dir string) (rest string, ok bool) {
	if dir == "." {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

// A memoryFile is a planned file that is being read.
type memoryFile struct {
	*bytes.Reader
	name string
	size int
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return memoryInfo{name: f.name, size: f.size}, nil }
func (f *memoryFile) Close() error               { return nil }

// A memoryDir is a directory that has planned files in it.
type memoryDir struct {
	name    string
	entries []fs.DirEntry
}

func (d *memoryDir) Stat() (fs.FileInfo, error) { return memoryInfo{name: d.name, dir: true}, nil }
func (d *memoryDir) Close() error               { return nil }
func (d *memoryDir) Read([]byte) (int, error)   { return 0, errors.New("is a directory") }

// ReadDir implements fs.ReadDirFile for callers that want all entries.
func (d *memoryDir) ReadDir(int) ([]fs.DirEntry, error) { return d.entries, nil }

type memoryInfo struct {
	name string
	size int
	dir  bool
}

func (i memoryInfo) Name() string               { return i.name }
func (i memoryInfo) Size() int64                { return int64(i.size) }
func (i memoryInfo) ModTime() time.Time         { return time.Time{} }
func (i memoryInfo) IsDir() bool                { return i.dir }
func (i memoryInfo) Sys() any                   { return nil }
func (i memoryInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i memoryInfo) Info() (fs.FileInfo, error) { return i, nil }
func (i memoryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
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

func (r *repository) names() []string {
	var names []string
	for name := range r.added {
		names = append(names, name)
	}
	for name := range r.edits {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// An undo takes back one write.
type undo struct {
	name string
	old  []byte // nil for a file that was not there
}

func (r *repository) write(name string) (undo, error) {
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	content, ok := r.edits[name]
	if !ok {
		return undo{name: name}, create(file, r.added[name])
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return undo{}, err
	}
	return undo{name, old}, replace(file, content)
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

// replace writes a file so that a reader sees it old or new.
func replace(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (u undo) run(dir string) error {
	file := filepath.Join(dir, filepath.FromSlash(u.name))
	if u.old != nil {
		return replace(file, u.old)
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	for parent := path.Dir(u.name); parent != "."; parent = path.Dir(parent) {
		if os.Remove(filepath.Join(dir, filepath.FromSlash(parent))) != nil {
			return nil // it holds other files
		}
	}
	return nil
}
