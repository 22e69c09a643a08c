package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
)

// listName is a file in the site's directory that names what was written, so
// that a later build can remove what it no longer has, and nothing else.
const listName = ".catalog"

// Write brings a site to a directory: files whose content changed are written,
// those of an earlier site that this one lacks are removed. A directory that
// has files but no earlier site is refused.
func Write(dir string, files []File) error {
	old, err := earlier(dir)
	if err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	// The list has old and new names until everything is written, so that a
	// build that was interrupted can be cleaned up.
	if err := keepList(dir, append(names(files), old...)); err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	for _, f := range files {
		if _, err := disk.Update(filepath.Join(dir, filepath.FromSlash(f.Path)), f.Content); err != nil {
			return fmt.Errorf("write the catalog: %w", err)
		}
	}
	if err := prune(dir, old, names(files)); err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	return keepList(dir, names(files))
}

func names(files []File) []string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = f.Path
	}
	return list
}

// earlier returns the files of an earlier site in the directory.
func earlier(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, listName))
	if err == nil {
		return slices.DeleteFunc(strings.Split(string(text), "\n"), func(name string) bool {
			return name == "" || !filepath.IsLocal(filepath.FromSlash(name))
		}), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("%s has files and no catalog of before; name an empty directory, or one that does not exist", dir)
	}
	return nil, nil
}

func keepList(dir string, list []string) error {
	list = slices.Clone(list)
	slices.Sort(list)
	_, err := disk.Update(filepath.Join(dir, listName), []byte(strings.Join(slices.Compact(list), "\n")+"\n"))
	return err
}

func prune(dir string, old, kept []string) error {
	for _, name := range old {
		if _, ok := slices.BinarySearch(kept, name); ok {
			continue
		}
		if err := disk.Remove(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func split(name string) (dir, file string) { return path.Dir(name), path.Base(name) }
