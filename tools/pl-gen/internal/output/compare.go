package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/stamp"
)

// A Kind is what happens to a file.
type Kind string

// The kinds of changes.
const (
	Create Kind = "create"
	Update Kind = "update"
	Delete Kind = "delete"
)

// A Change is one file that differs from its plan.
type Change struct {
	Kind Kind
	Path string
	// Old and New are the contents before and after; nil where there is none.
	Old, New []byte
	// Edited is true when the content on disk is not what pl-gen wrote.
	Edited bool
}

// Diff returns the change as a unified diff that patch and git apply read.
func (c Change) Diff() []byte {
	from, to := "a/"+c.Path, "b/"+c.Path
	switch c.Kind {
	case Create:
		from = "/dev/null"
	case Delete:
		to = "/dev/null"
	}
	return diff.Diff(from, c.Old, to, c.New)
}

// Changes are what separates a disk from a plan.
type Changes struct {
	// List is sorted by path.
	List []Change
	old  *Manifest
	next *Manifest
}

// Manifest returns the manifest as it is after the changes.
func (c *Changes) Manifest() *Manifest { return c.next }

// Edited returns the changes that would overwrite somebody's edits.
func (c *Changes) Edited() []Change {
	return slices.DeleteFunc(slices.Clone(c.List), func(ch Change) bool { return !ch.Edited })
}

// Desired is a plan with the part of it that is known to be on disk already.
type Desired struct {
	Files []plan.File
	// Kept are generated files that are planned and on disk as they should be.
	Kept []Entry
	// Inputs go to the manifest.
	Inputs map[string]stamp.Sum
}

// Compare returns what separates the disk from the plan. It changes nothing.
func Compare(disk *stamp.Store, root string, old *Manifest, want Desired) (*Changes, error) {
	c := &comparison{disk: disk, root: root, changes: &Changes{old: old}, planned: map[string]bool{}}
	entries := slices.Clone(want.Kept)
	for _, e := range want.Kept {
		c.planned[e.Path] = true
	}
	for _, f := range want.Files {
		c.planned[f.Path] = true
		if f.Ownership == plan.Generated {
			entries = append(entries, Entry{f.Path, f.Emitter, stamp.Of(f.Content)})
		}
		c.file(f)
	}
	c.prune()
	slices.SortFunc(c.changes.List, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	c.changes.next = NewManifest(entries, want.Inputs)
	return c.changes, c.err
}

type comparison struct {
	disk    *stamp.Store
	root    string
	changes *Changes
	planned map[string]bool
	err     error
}

func (c *comparison) file(f plan.File) {
	sum, err := c.disk.Sum(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.changes.List = append(c.changes.List, Change{Kind: Create, Path: f.Path, New: f.Content})
	case err != nil:
		c.err = errors.Join(c.err, err)
	case f.Ownership == plan.Generated && sum != stamp.Of(f.Content):
		c.differs(Change{Kind: Update, Path: f.Path, New: f.Content}, sum)
	}
}

func (c *comparison) prune() {
	for _, e := range c.changes.old.Entries() {
		if c.planned[e.Path] {
			continue
		}
		c.planned[e.Path] = true
		sum, err := c.disk.Sum(e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			c.err = errors.Join(c.err, err)
		default:
			c.differs(Change{Kind: Delete, Path: e.Path}, sum)
		}
	}
}

func (c *comparison) differs(ch Change, sum stamp.Sum) {
	old, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(ch.Path)))
	c.err = errors.Join(c.err, err)
	ch.Old, ch.Edited = old, !c.changes.old.wrote(ch.Path, sum)
	c.changes.List = append(c.changes.List, ch)
}
