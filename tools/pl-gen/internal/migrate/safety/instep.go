package safety

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/migrate/ddl"
)

// inStep compares the two dialects with each other, and both with the snapshot
// of the tables that they lead to.
func inStep(histories []*history, s migrate.Snapshot) []diag.Diagnostic {
	a, b := histories[0], histories[1]
	missing := append(a.lacks(b), b.lacks(a)...)
	if len(missing) > 0 || a.unsure || b.unsure {
		return missing
	}
	found := append(a.compare(b), b.compare(a)...)
	for _, h := range histories {
		found = append(found, h.compareSnapshot(s)...)
	}
	return found
}

// lacks finds files of the other dialect that this one does not have.
func (h *history) lacks(other *history) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, f := range other.files {
		if slices.ContainsFunc(h.files, func(own *file) bool { return own.name == f.name }) {
			continue
		}
		pos := diag.Pos{File: f.Path, Line: 1, Col: 1}
		found = append(found, diag.New(diag.MigrationDialects, pos, fmt.Sprintf("%s has no %s for %s", h.context, f.name, h.dialect)).Because(
			"what runs on one engine would be missing on the other, and the numbers of later files would differ",
			"write "+h.dir+"/"+f.name+"; where there is nothing to do on that engine, a file with only a comment"))
	}
	return found
}

// compare finds what the tables of this dialect have and those of the other
// lack.
func (h *history) compare(other *history) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, name := range slices.Sorted(maps.Keys(h.tables)) {
		theirs := other.tables[name]
		if theirs == nil {
			found = append(found, other.differs("the migrations for %s lead to a table %s, those for %s do not", h.dialect, name, other.dialect))
			continue
		}
		for _, c := range h.tables[name].Columns {
			o, ok := theirs.Column(c.Name)
			switch {
			case !ok:
				found = append(found, other.differs("the migrations for %s lead to a column %s.%s, those for %s do not", h.dialect, name, c.Name, other.dialect))
			case c.NotNull && !o.NotNull:
				found = append(found, other.differs("column %s.%s is required on %s and not on %s", name, c.Name, h.dialect, other.dialect))
			}
		}
	}
	return found
}

// compareSnapshot finds tables, columns and indexes of the snapshot that the
// migrations do not lead to.
func (h *history) compareSnapshot(s migrate.Snapshot) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, want := range s.Tables {
		t := h.tables[want.Name]
		if t == nil {
			found = append(found, h.differs("no migration for %s creates table %s of tables.json", h.dialect, want.Name))
			continue
		}
		for _, c := range want.Columns {
			if text := h.differsFrom(t, c); text != "" {
				found = append(found, h.differs("column %s.%s of tables.json %s in the migrations for %s", want.Name, c.Name, text, h.dialect))
			}
		}
		for _, i := range want.Indexes {
			if got, ok := t.Indexes[i.Name]; !ok || got.Unique != i.Unique {
				found = append(found, h.differs("no migration for %s creates index %s of tables.json", h.dialect, i.Name))
			}
		}
	}
	return found
}

func (h *history) differsFrom(t *ddl.Table, want migrate.Column) string {
	got, ok := t.Column(want.Name)
	sqlType := migrate.SQLType(h.dialect, want.Type)
	switch {
	case !ok:
		return "is missing"
	case normal(h.dialect, got.Type) != normal(h.dialect, sqlType):
		return "is " + sqlType + ", but " + got.Type
	case got.NotNull == want.Null:
		return fmt.Sprintf("has null: %t, but %t", want.Null, !got.NotNull)
	}
	return ""
}

// differs is a finding at the last file of the dialect.
func (h *history) differs(format string, args ...any) diag.Diagnostic {
	file := h.dir
	if len(h.files) > 0 {
		file = h.files[len(h.files)-1].Path
	}
	return diag.New(diag.MigrationDialects, diag.Pos{File: file, Line: 1, Col: 1}, fmt.Sprintf(format, args...)).Because(
		"the two engines would no longer have the same tables, or not those that the generated code uses",
		"write the same change for both; pl-gen migrate diff "+h.context+" writes both and tables.json together")
}
