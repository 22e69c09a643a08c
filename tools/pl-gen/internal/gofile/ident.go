package gofile

import (
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"unicode"
)

// A Package is a Go package as an import names it.
type Package struct {
	// Path is the import path.
	Path string
	// Name is what its package clause says.
	Name string
}

// PackageAt returns the package at an import path, named after the path's
// last element, or the one before a major version: "v2" in
// "connectrpc.com/connect/v2". Use a Package literal where that is wrong.
func PackageAt(path string) Package {
	elements := strings.Split(path, "/")
	last := elements[len(elements)-1]
	if isMajor(last) && len(elements) > 1 {
		last = elements[len(elements)-2]
	}
	if i := strings.IndexByte(last, '.'); i > 0 {
		last = last[:i]
	}
	return Package{Path: path, Name: strings.Map(identRune, last)}
}

func isMajor(s string) bool {
	if len(s) < 2 || s[0] != 'v' {
		return false
	}
	_, err := strconv.Atoi(s[1:])
	return err == nil
}

func identRune(r rune) rune {
	if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return unicode.ToLower(r)
	}
	return -1
}

// Ident returns an identifier of the package.
func (p Package) Ident(name string) Ident { return Ident{Package: p, Name: name} }

// An Ident is an exported identifier of some package. Printing it with
// [File.P] imports the package and qualifies the name.
type Ident struct {
	Package Package
	Name    string
}

// Ident returns the qualified form of a name in the package at an import
// path, for example "context.Context", and imports the package.
func (f *File) Ident(path, name string) string {
	return f.Qualify(PackageAt(path).Ident(name))
}

// Qualify returns the qualified form of an identifier and imports its package
// under an alias that nothing else in the file has. Identifiers of the file's
// own package stay bare.
func (f *File) Qualify(id Ident) string {
	if id.Package.Path == f.pkg.Path || id.Package.Path == "" {
		return id.Name
	}
	alias, ok := f.aliases[id.Package.Path]
	if !ok {
		alias = f.free(id.Package)
		f.aliases[id.Package.Path] = alias
		f.taken[alias] = true
	}
	return alias + "." + id.Name
}

// free finds an alias: the package's name, the name behind its parent
// directory's ("mathrand"), or the name and a number.
func (f *File) free(p Package) string {
	candidates := []string{p.Name}
	if elements := strings.Split(p.Path, "/"); len(elements) > 1 {
		parent := strings.Map(identRune, elements[len(elements)-2])
		candidates = append(candidates, parent+p.Name)
	}
	for _, alias := range candidates {
		if f.usable(alias) {
			return alias
		}
	}
	for n := 2; ; n++ {
		if alias := p.Name + strconv.Itoa(n); f.usable(alias) {
			return alias
		}
	}
}

func (f *File) usable(alias string) bool {
	return token.IsIdentifier(alias) && !f.taken[alias] && types.Universe.Lookup(alias) == nil
}
