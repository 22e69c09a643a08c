package safety

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

// Check returns findings about the migrations under services/*/migrations of
// the repository root. Files that base has too are history: nothing can be
// done about what they say, only that they were changed is found. base is the
// repository as others have it already, or nil when that is not known; then
// all files count as new.
func Check(root, base fs.FS) ([]diag.Diagnostic, error) {
	contexts := map[string]bool{}
	for _, fsys := range []fs.FS{root, orEmpty(base)} {
		dirs, err := fs.Glob(fsys, migrate.Dir("*"))
		if err != nil {
			return nil, err
		}
		for _, dir := range dirs {
			contexts[path.Base(path.Dir(dir))] = true
		}
	}
	var found []diag.Diagnostic
	for context := range contexts {
		more, err := Context(root, base, context)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return diag.Sort(found), nil
}

// Context is Check for one context.
func Context(root, base fs.FS, context string) ([]diag.Diagnostic, error) {
	var found []diag.Diagnostic
	var histories []*history
	for _, dialect := range migrate.Dialects() {
		h, err := read(root, orEmpty(base), context, dialect)
		if err != nil {
			return nil, fmt.Errorf("read the migrations of %s: %w", context, err)
		}
		h.numbers()
		h.edits()
		h.replay()
		found = append(found, h.found...)
		histories = append(histories, h)
	}
	snapshot, err := migrate.ReadSnapshot(root, context)
	if err != nil {
		return nil, err
	}
	return diag.Sort(append(found, inStep(histories, snapshot)...)), nil
}

// Destructive reports whether the rule is about what is lost for rows, or for
// programs that run.
func Destructive(rule diag.Rule) bool {
	return rule == diag.MigrationDrop || rule == diag.MigrationRename || rule == diag.MigrationType
}

// A history is the migrations of one context for one dialect.
type history struct {
	context, dialect, dir string
	files                 []*file
	// before are the files that base has, by name.
	before map[string][]byte
	tables ddl.Tables
	// unsure tells that tables may not be what a database has: a statement was
	// not understood.
	unsure bool
	found  []diag.Diagnostic
}

// A file is one migration.
type file struct {
	name string
	*ddl.File
	content []byte
	err     error
	fresh   bool // base does not have it
}

func read(root, base fs.FS, context, dialect string) (*history, error) {
	h := &history{context: context, dialect: dialect, dir: path.Join(migrate.Dir(context), dialect), tables: ddl.Tables{}}
	var err error
	if h.before, err = contents(base, h.dir); err != nil {
		return nil, err
	}
	now, err := contents(root, h.dir)
	if err != nil {
		return nil, err
	}
	for name, content := range now {
		f := &file{name: name, content: content}
		_, old := h.before[name]
		f.fresh = !old
		f.File, f.err = ddl.Parse(path.Join(h.dir, name), content)
		h.files = append(h.files, f)
	}
	slices.SortFunc(h.files, func(a, b *file) int { return cmp.Compare(a.name, b.name) })
	return h, nil
}

// contents returns the files of a directory; one that does not exist has none.
func contents(fsys fs.FS, dir string) (map[string][]byte, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		content, readErr := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		err = errors.Join(err, readErr)
		files[e.Name()] = content
	}
	return files, err
}

// report adds a finding at a byte offset of a file.
func (h *history) report(f *file, f2 finding) {
	line, col := f.Position(f2.at)
	d := diag.New(f2.rule, diag.Pos{File: f.Path, Line: line, Col: col}, f2.message)
	h.found = append(h.found, d.Because(f2.cause, f2.fix))
}

// top reports a finding about a whole file.
func (h *history) top(name string, rule diag.Rule, message, cause, fix string) {
	pos := diag.Pos{File: path.Join(h.dir, name), Line: 1, Col: 1}
	h.found = append(h.found, diag.New(rule, pos, message).Because(cause, fix))
}

type empty struct{}

func (empty) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func orEmpty(fsys fs.FS) fs.FS {
	if fsys == nil {
		return empty{}
	}
	return fsys
}
