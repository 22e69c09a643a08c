package gofile

import (
	"maps"
	"strings"
	"text/template"
)

// Placeholders carry an identifier through a template's output; the control
// character cannot occur in Go source.
const (
	placeholderOpen  = "\x01"
	placeholderSep   = "\x02"
	placeholderClose = "\x03"
)

var funcs = template.FuncMap{
	"ident":   placeholder,
	"use":     func(id Ident) string { return placeholderFor(id) },
	"comment": func(text string) string { return strings.TrimSuffix(comment(text), "\n") },
	"export":  Exported,
}

// Funcs returns the functions of templates that [File.Template] executes; the
// map is the caller's, to add to:
//
//	ident PATH NAME   a qualified identifier, whose package gets imported
//	use IDENT         the same for an [Ident]
//	comment TEXT      TEXT as wrapped comment lines
//	export NAME       NAME as an exported Go name, see [Exported]
func Funcs() template.FuncMap { return maps.Clone(funcs) }

func placeholder(path, name string) string { return placeholderFor(PackageAt(path).Ident(name)) }

func placeholderFor(id Ident) string {
	return placeholderOpen + id.Package.Path + placeholderSep + id.Package.Name + placeholderSep + id.Name + placeholderClose
}

// resolve replaces the placeholders in a template's output.
func (f *File) resolve(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, placeholderOpen)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		inner, after, _ := strings.Cut(rest, placeholderClose)
		path, rest, _ := strings.Cut(inner, placeholderSep)
		pkg, name, _ := strings.Cut(rest, placeholderSep)
		out.WriteString(f.Qualify(Ident{Package: Package{Path: path, Name: pkg}, Name: name}))
		text = after
	}
}
