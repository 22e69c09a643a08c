package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// calm is how long files must be left alone before a change counts: editors
// and git write several files, some of them twice.
const calm = 100 * time.Millisecond

// watch generates now and whenever a contract changed, until ctx ends.
func (a *app) watch(ctx context.Context, root string, mode generateMode) error {
	return a.follow(ctx, root, []string{"contracts"}, func() {
		switch err := a.generateOnce(ctx, root, mode); {
		case err == nil:
			fmt.Fprintln(a.stderr, "up to date; watching contracts/")
		case errors.Is(err, errFindings):
			fmt.Fprintln(a.stderr, "nothing was written; watching contracts/")
		case ctx.Err() == nil:
			fmt.Fprintf(a.stderr, "pl-gen: %v\n", err)
		}
	})
}

// follow calls do now and after each burst of changes below dirs, until ctx
// ends.
func (a *app) follow(ctx context.Context, root string, dirs []string, do func()) error {
	w, err := newTreeWatcher(root, dirs)
	if err != nil {
		return fmt.Errorf("watch for changes: %w", err)
	}
	defer w.Close()
	do()
	for {
		changed, err := w.wait(ctx)
		if err != nil {
			return fmt.Errorf("watch for changes: %w", err)
		}
		if !changed {
			return nil
		}
		do()
	}
}

// A treeWatcher watches directories with all that is and will be below them.
type treeWatcher struct{ *fsnotify.Watcher }

func newTreeWatcher(root string, dirs []string) (*treeWatcher, error) {
	inner, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &treeWatcher{inner}
	for _, dir := range dirs {
		if err := w.addTree(filepath.Join(root, dir)); err != nil {
			return nil, errors.Join(err, inner.Close())
		}
	}
	return w, nil
}

func (w *treeWatcher) addTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir():
			return w.Add(path)
		}
		return nil
	})
}

// wait returns true once something changed and then nothing did for a while,
// false when ctx ends.
func (w *treeWatcher) wait(ctx context.Context) (bool, error) {
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case err := <-w.Errors:
			return false, err
		case <-quiet.C:
			return true, nil
		case event := <-w.Events:
			if matters(event) {
				quiet.Reset(calm)
			}
			if event.Has(fsnotify.Create) {
				if err := w.addTree(event.Name); err != nil {
					return false, err
				}
			}
		}
	}
}

// matters drops what changes nobody's content, and editors' own files.
func matters(e fsnotify.Event) bool {
	base := filepath.Base(e.Name)
	return e.Op != fsnotify.Chmod && !strings.HasPrefix(base, ".") && !strings.HasSuffix(base, "~")
}
