// Package overlay lays changes over a tree of files, in memory, so that what
// they lead to can be looked at before anything is written.
package overlay

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// An FS is the tree Disk with Files in it, by path, which are new or take the
// place of others. Files must not change during a call.
type FS struct {
	Disk  fs.FS
	Files map[string][]byte
}

// Open implements fs.FS.
func (o FS) Open(name string) (fs.File, error) {
	if content, ok := o.Files[name]; ok {
		return &file{bytes.NewReader(content), infoOf(name, content)}, nil
	}
	if !o.hasBelow(name) {
		return o.Disk.Open(name)
	}
	entries, err := o.ReadDir(name)
	if err != nil {
		return nil, err
	}
	about, err := fs.Stat(o.Disk, name)
	if errors.Is(err, fs.ErrNotExist) {
		about, err = info{name: path.Base(name), mode: fs.ModeDir | 0o755}, nil
	}
	return &directory{about, entries}, err
}

func (o FS) hasBelow(dir string) bool {
	for name := range o.Files {
		if _, ok := below(name, dir); ok {
			return true
		}
	}
	return false
}

func below(name, dir string) (rest string, ok bool) {
	if dir == "." {
		return name, true
	}
	return strings.CutPrefix(name, dir+"/")
}

// ReadDir implements fs.ReadDirFS.
func (o FS) ReadDir(dir string) ([]fs.DirEntry, error) {
	listed, err := fs.ReadDir(o.Disk, dir)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || !o.hasBelow(dir)) {
		return nil, err
	}
	entries := map[string]fs.DirEntry{}
	for _, e := range listed {
		entries[e.Name()] = e
	}
	for name, content := range o.Files {
		rest, ok := below(name, dir)
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		switch {
		case !deeper:
			entries[first] = fs.FileInfoToDirEntry(infoOf(name, content))
		case entries[first] == nil:
			entries[first] = fs.FileInfoToDirEntry(info{name: first, mode: fs.ModeDir | 0o755})
		}
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }), nil
}

// A file is one of Files that is being read.
type file struct {
	*bytes.Reader
	about info
}

func (f *file) Stat() (fs.FileInfo, error) { return f.about, nil }
func (f *file) Close() error               { return nil }

// A directory is one with some of Files below it. entries are those that were
// not returned yet.
type directory struct {
	about   fs.FileInfo
	entries []fs.DirEntry
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.about, nil }
func (d *directory) Close() error               { return nil }
func (d *directory) Read([]byte) (int, error)   { return 0, errors.New("is a directory") }

// ReadDir implements fs.ReadDirFile.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	head := d.entries[:n:n]
	d.entries = d.entries[n:]
	return head, nil
}

// An info describes a file or directory that is in memory alone.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func infoOf(name string, content []byte) info {
	return info{path.Base(name), int64(len(content)), 0o644}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
