// Package repair makes the changes to schemas that take findings away and can
// do no harm: an alias for a name that changed, an alias that was lost, null as
// the default of a new nullable field, UNKNOWN as the default of an enum. What
// it does is checked by comparing again, and everything is named.
package repair

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/review"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/overlay"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Contracts repairs the schemas below root that changed since base, and returns
// what it did, a line each. A change that would not take its finding away, or
// would bring another, is not made. Every file is written completely or not at
// all; the rest of its text stays as it is.
func Contracts(ctx context.Context, root string, base *history.Base) ([]string, error) {
	c := &contracts{ctx: ctx, tree: overlay.FS{Disk: os.DirFS(root), Files: map[string][]byte{}}, base: base}
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
	ctx  context.Context
	tree overlay.FS
	base *history.Base
	set  *source.Set
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
	set, broken, err := source.Load(c.tree)
	if err != nil {
		return nil, nil, err
	}
	m, more := model.Build(set)
	found, err := review.Contracts(c.ctx, c.base, set, m)
	c.set = set
	return append(append(broken, more...), found...), m, err
}

// try makes one change and keeps it if it leaves fewer findings and no new one.
func (c *contracts) try(e edit, before []diag.Diagnostic) ([]diag.Diagnostic, bool, error) {
	file := e.at.File
	text, err := fs.ReadFile(c.tree, file)
	if err != nil {
		return nil, false, fmt.Errorf("repair %s: %w", file, err)
	}
	next, ok := e.apply(text)
	if !ok {
		return nil, false, nil
	}
	old, had := c.tree.Files[file]
	c.tree.Files[file] = next
	after, _, err := c.review()
	if err == nil && better(before, after) {
		return after, true, nil
	}
	delete(c.tree.Files, file)
	if had {
		c.tree.Files[file] = old
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
	for name, text := range c.tree.Files {
		if err := disk.Write(filepath.Join(root, filepath.FromSlash(name)), text); err != nil {
			return fmt.Errorf("repair %s: %w", name, err)
		}
	}
	return nil
}
