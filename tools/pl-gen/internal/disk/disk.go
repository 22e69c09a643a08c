// Package disk changes files so that a reader sees each old or new.
package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Write gives a file its content, creating directories as needed. When it
// fails the file is as it was.
func Write(name string, content []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".pl-gen-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Update is Write unless the file has the content already, and reports whether
// it wrote.
func Update(name string, content []byte) (bool, error) {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return false, nil
	}
	err := Write(name, content)
	return err == nil, err
}

// Remove deletes the file at a slash-separated path below root, if it is there,
// and the directories below root that are empty without it.
func Remove(root, file string) error {
	full := func(p string) string { return filepath.Join(root, filepath.FromSlash(p)) }
	if err := os.Remove(full(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if os.Remove(full(dir)) != nil {
			return nil // it holds other files
		}
	}
	return nil
}
