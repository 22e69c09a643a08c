// Package repair makes the changes to schemas that take findings away and can
// do no harm: an alias for a name that changed, an alias that was lost, null as
// the default of a new nullable field, UNKNOWN as the default of an enum. What
// it does is checked by comparing again, and everything is named.
package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/tools/txtar"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/review"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// Contracts repairs the schemas below root that changed since base, and returns
// what it did, a line each. A change that would not take its finding away, or
// would bring another, is not made. Every file is written completely or not at
// all; the rest of its text stays as it is.
func Contracts(ctx context.Context, root string, base *history.Base) ([]string, error) {
	c := &contracts{ctx: ctx, root: os.DirFS(root), base: base, changed: map[string][]byte{}}
	before, edits, err := c.look()
	if err != nil {
		return nil, err
	}
	var done []string
	for _, e := range edits {
		after, ok, err := c.try(e, before)
		if err != nil {
			return nil, err
		}
		if ok {
			before = after
			done = append(done, e.at.String()+": "+e.what)
		}
	}
	return done, c.write(root)
}

// contracts are those on disk with the changes made so far.
type contracts struct {
	ctx     context.Context
	root    fs.FS
	base    *history.Base
	changed map[string][]byte
	set     *source.Set
}

// look returns the findings and what can be done about them.
func (c *contracts) look() ([]diag.Diagnostic, []edit, error) {
	found, m, err := c.review()
	if err != nil {
		return nil, nil, err
	}
	var edits []edit
	for _, e := range m.Events {
		if old := c.base.Event(e.Topic); old != nil && !bytes.Equal(old.Text, e.Text) {
			edits = append(edits, propose(old, e, found)...)
		}
	}
	return found, distinct(edits), nil
}

func (c *contracts) review() ([]diag.Diagnostic, *model.Model, error) {
	fsys, err := c.fs()
	if err != nil {
		return nil, nil, err
	}
	set, broken, err := source.Load(fsys)
	if err != nil {
		return nil, nil, err
	}
	m, more := model.Build(set)
	found, err := review.Contracts(c.ctx, c.base, set, m)
	c.set = set
	return append(append(broken, more...), found...), m, err
}

// fs is the tree with the changes laid over it.
func (c *contracts) fs() (fs.FS, error) {
	if len(c.changed) == 0 {
		return c.root, nil
	}
	a := &txtar.Archive{}
	err := fs.WalkDir(c.root, "contracts", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return c.add(a, name)
	})
	if err := errors.Join(err, c.add(a, "go.mod")); err != nil {
		return nil, fmt.Errorf("read the contracts again: %w", err)
	}
	return txtar.FS(a)
}

func (c *contracts) add(a *txtar.Archive, name string) error {
	text, ok := c.changed[name]
	if !ok {
		var err error
		if text, err = fs.ReadFile(c.root, name); err != nil {
			return err
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: text})
	return nil
}

// try makes one change and keeps it if it leaves fewer findings and no new one.
func (c *contracts) try(e edit, before []diag.Diagnostic) ([]diag.Diagnostic, bool, error) {
	file := e.at.File
	old, had := c.changed[file]
	text := old
	if !had {
		var err error
		if text, err = fs.ReadFile(c.root, file); err != nil {
			return nil, false, fmt.Errorf("repair %s: %w", file, err)
		}
	}
	next, ok := e.apply(text)
	if !ok {
		return nil, false, nil
	}
	c.changed[file] = next
	after, _, err := c.review()
	if err == nil && better(before, after) {
		return after, true, nil
	}
	delete(c.changed, file)
	if had {
		c.changed[file] = old
	}
	return nil, false, err
}

// better reports whether findings went away and none came.
func better(before, after []diag.Diagnostic) bool {
	return len(after) < len(before) && !slices.ContainsFunc(after, func(a diag.Diagnostic) bool {
		return !slices.ContainsFunc(before, func(b diag.Diagnostic) bool { return alike(a, b) })
	})
}

// alike leaves out columns and pointers, which move with what is inserted.
func alike(a, b diag.Diagnostic) bool {
	return a.Rule == b.Rule && a.Message == b.Message && a.Pos.File == b.Pos.File && a.Pos.Line == b.Pos.Line &&
		a.Change.Event == b.Change.Event && a.Change.Field == b.Change.Field
}

func (c *contracts) write(root string) error {
	for name, text := range c.changed {
		if err := stamp.WriteFile(filepath.Join(root, filepath.FromSlash(name)), text); err != nil {
			return fmt.Errorf("repair %s: %w", name, err)
		}
	}
	return nil
}
