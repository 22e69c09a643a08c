package output

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
)

// Write brings the changes to the disk below root. Every new content is staged
// first, then moved into place, so that a full disk or a failure while staging
// changes nothing, and a reader sees each file old or new. A run that is killed
// between the moves is completed by the next one: the manifest then lists both
// versions. It overwrites edits; callers refuse them first.
func (c *Changes) Write(root string) error {
	if len(c.List) == 0 {
		return c.writeManifest(root, c.next)
	}
	stage, err := newStage(root)
	if err != nil {
		return fmt.Errorf("stage files: %w", err)
	}
	return errors.Join(c.writeThrough(stage), os.RemoveAll(stage.dir))
}

func (c *Changes) writeThrough(s *stage) error {
	if err := c.each(s.put); err != nil {
		return fmt.Errorf("stage files (nothing was changed): %w", err)
	}
	if err := c.writeManifest(s.root, c.old.with(c.next)); err != nil {
		return err
	}
	if err := c.each(s.move); err != nil {
		return fmt.Errorf("write files (run pl-gen generate again to complete): %w", err)
	}
	return c.writeManifest(s.root, c.next)
}

func (c *Changes) each(do func(i int, ch Change) error) error {
	for i, ch := range c.List {
		if err := do(i, ch); err != nil {
			return err
		}
	}
	return nil
}

// All returns the changes with that of the manifest, if it changes. The
// manifest can change alone: it has to be committed then, or every clone would
// run buf again.
func (c *Changes) All(root string) []Change {
	old, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(ManifestPath)))
	next := c.next.Bytes()
	switch {
	case err != nil:
		return append(slices.Clone(c.List), Change{Kind: Create, Path: ManifestPath, New: next})
	case bytes.Equal(old, next):
		return c.List
	}
	return append(slices.Clone(c.List), Change{Kind: Update, Path: ManifestPath, Old: old, New: next})
}

func (c *Changes) writeManifest(root string, m *Manifest) error {
	if _, err := disk.Update(filepath.Join(root, filepath.FromSlash(ManifestPath)), m.Bytes()); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

// A stage is a directory on the repository's file system that holds contents
// until they are moved into place.
type stage struct{ root, dir string }

func newStage(root string) (*stage, error) {
	parent := filepath.Join(root, ".pl")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "stage-")
	return &stage{root, dir}, err
}

func (s *stage) name(i int) string { return filepath.Join(s.dir, strconv.Itoa(i)) }

func (s *stage) full(p string) string { return filepath.Join(s.root, filepath.FromSlash(p)) }

func (s *stage) put(i int, ch Change) error {
	if ch.Kind == Delete {
		return nil
	}
	return os.WriteFile(s.name(i), ch.New, 0o644)
}

func (s *stage) move(i int, ch Change) error {
	if ch.Kind == Delete {
		return disk.Remove(s.root, ch.Path)
	}
	if err := os.MkdirAll(filepath.Dir(s.full(ch.Path)), 0o755); err != nil {
		return err
	}
	return os.Rename(s.name(i), s.full(ch.Path))
}
