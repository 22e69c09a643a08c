package safety

import (
	"bytes"
	"io/fs"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

// Files returns what is to be said about the named files of a context's
// migrations for one dialect, as if they were new.
func Files(root fs.FS, context, dialect string, names []string) ([]diag.Diagnostic, error) {
	h, err := read(root, root, context, dialect)
	if err != nil {
		return nil, err
	}
	for _, f := range h.files {
		f.fresh = slices.Contains(names, f.name)
	}
	h.replay()
	return diag.Sort(h.found), nil
}

// Allow returns a migration with a comment above each statement that breaks
// one of the rules, according to found, that allows it for the reason.
func Allow(path string, content []byte, found []diag.Diagnostic, reason string, rules ...diag.Rule) ([]byte, error) {
	f, err := ddl.Parse(path, content)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	done := 0
	for i, s := range f.Statements {
		end := len(content)
		if i+1 < len(f.Statements) {
			end = f.Statements[i+1].At
		}
		out.Write(content[done:s.At])
		done = s.At
		for _, rule := range rules {
			if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Rule == rule && within(f, d, s.At, end) }) {
				out.WriteString("-- " + directive + " " + string(rule) + " " + reason + "\n")
			}
		}
	}
	out.Write(content[done:])
	return out.Bytes(), nil
}

// within reports whether a finding stands between two offsets of the file.
func within(f *ddl.File, d diag.Diagnostic, begin, end int) bool {
	if d.Pos.File != f.Path {
		return false
	}
	for at := begin; at < end; at++ {
		if line, col := f.Position(at); line == d.Pos.Line && col == d.Pos.Col {
			return true
		}
	}
	return false
}
