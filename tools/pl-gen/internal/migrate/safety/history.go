package safety

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

var fileName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// numbers checks that the files are 0001, 0002 and so on.
func (h *history) numbers() {
	want := 1
	for i, f := range h.files {
		m := fileName.FindStringSubmatch(f.name)
		if m == nil {
			h.top(f.name, diag.MigrationNumber, f.name+" is not named NNNN_name.sql",
				"files run in the order of their numbers, and the runner refuses other names",
				fmt.Sprintf("rename it to %04d_say_what.sql, or move it out of the directory", want))
			continue
		}
		number, _ := strconv.Atoi(m[1]) // four digits
		switch {
		case number == want-1 && i > 0:
			h.top(f.name, diag.MigrationNumber, fmt.Sprintf("%s has the number of %s", f.name, h.files[i-1].name),
				"two branches have each written a migration; which one runs first would be chance, so the runner refuses both",
				h.moveBehind(f))
		case number != want:
			h.top(f.name, diag.MigrationNumber, fmt.Sprintf("%s comes after %04d: %04d is missing", f.name, want-1, want),
				"a migration that is added later under the free number comes before one that has run, and is refused there",
				fmt.Sprintf("rename it to %04d%s", want, f.name[4:]))
		}
		want = number + 1
	}
}

// moveBehind says how to resolve a clash of numbers: what others have stays.
func (h *history) moveBehind(f *file) string {
	last := h.files[len(h.files)-1].name
	next := 1
	if m := fileName.FindStringSubmatch(last); m != nil {
		next, _ = strconv.Atoi(m[1])
		next++
	}
	return fmt.Sprintf("give the one that is not on the main branch the next free number, %04d, in both dialects, and merge tables.json", next)
}

// edits compares with what others have already.
func (h *history) edits() {
	last := ""
	for _, name := range slices.Sorted(maps.Keys(h.before)) {
		last = name
		i := slices.IndexFunc(h.files, func(f *file) bool { return f.name == name })
		switch {
		case i < 0:
			h.top(name, diag.MigrationHistory, name+" is gone",
				"databases have run it, and new ones would lack what it does", "restore it, and undo what it does in a new migration")
		case !bytes.Equal(h.files[i].content, h.before[name]):
			h.top(name, diag.MigrationHistory, name+" was changed after others got it",
				"a database that has run it recorded its checksum and refuses every start with the new text",
				"restore it, and write what is missing as a new migration: pl-gen migrate diff "+h.context)
		}
	}
	for _, f := range h.files {
		if f.fresh && f.name < last {
			h.top(f.name, diag.MigrationHistory, fmt.Sprintf("%s comes before %s, which others have", f.name, last),
				"databases have run the later one, and refuse what is put before it", h.moveBehind(f))
		}
	}
}
