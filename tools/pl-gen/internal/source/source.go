// Package source reads contracts: Avro schemas and protos with the places of
// everything in them. A file that cannot be read as what it claims to be
// becomes findings, and hides nothing in the other files.
package source

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/bufbuild/protocompile/linker"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// The directories of a repository that hold contracts, relative to its root.
const (
	AvroRoot   = "contracts/avro"
	ProtoRoot  = "contracts/proto"
	CommonRoot = AvroRoot + "/common"
)

// SiteFile is there when a module has pages for people.
const SiteFile = "services/web/web.go"

// A Set is everything that was read.
type Set struct {
	// Module is the Go module path.
	Module string
	// Avro and Proto are sorted by path.
	Avro  []*Avro
	Proto []*Proto
	// Site tells that the module has services/web, the pages that the hub and
	// the gateway serve.
	Site bool
}

// An Avro is one schema file.
type Avro struct {
	// Path is relative to the repository's root.
	Path string
	Text []byte
	// Schema is nil for a file with faults.
	Schema *avro.Schema
}

// Shared reports whether the file is one of the shared records.
func (a *Avro) Shared() bool { return strings.HasPrefix(a.Path, CommonRoot+"/") }

// A Proto is one proto file.
type Proto struct {
	// Path is relative to the repository's root.
	Path string
	Text []byte
	// File is nil for a file with faults, and for one that imports such a
	// file.
	File linker.File
}

// ImportPath returns the path by which other protos import the file.
func (p *Proto) ImportPath() string { return strings.TrimPrefix(p.Path, ProtoRoot+"/") }

// Load reads the contracts of the repository whose root is fsys. The error is
// for what is no fault of a contract: an unreadable disk, or no go.mod.
func Load(fsys fs.FS) (*Set, []diag.Diagnostic, error) {
	module, err := moduleOf(fsys)
	if err != nil {
		return nil, nil, err
	}
	set := &Set{Module: module, Site: isFile(fsys, SiteFile)}
	schemas, err := read(fsys, AvroRoot, ".avsc")
	if err != nil {
		return nil, nil, err
	}
	protos, err := read(fsys, ProtoRoot, ".proto")
	if err != nil {
		return nil, nil, err
	}
	var found, more []diag.Diagnostic
	set.Avro, found = parseAvro(schemas)
	set.Proto, more = compileProtos(protos)
	return set, append(found, more...), nil
}

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

func moduleOf(fsys fs.FS) (string, error) {
	text, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return "", fmt.Errorf("read the module's name: %w; the root has to be the directory that has go.mod and contracts", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(strings.TrimSpace(name), `"`), nil
		}
	}
	return "", errors.New("read the module's name: go.mod has no module line; add one")
}

// A file is a path and its text.
type file struct {
	path string
	text []byte
}

// read returns the files below dir with that extension, sorted by path; a
// directory that does not exist has none.
func read(fsys fs.FS, dir, ext string) ([]file, error) {
	var files []file
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == dir:
			return nil
		case err != nil:
			return err
		case d.IsDir() || path.Ext(name) != ext:
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		files = append(files, file{name, text})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read contracts: %w", err)
	}
	return files, nil
}
