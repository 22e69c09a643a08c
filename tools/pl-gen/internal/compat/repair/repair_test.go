package repair

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
)

const (
	personFile = "contracts/avro/common/v1/person.avsc"
	lentFile   = "contracts/avro/lending/v1/lent.avsc"
	backFile   = "contracts/avro/lending/v1/returned.avsc"
)

func event(name, fields string) string {
	return `{"type": "record", "namespace": "pl.lending.v1", "name": "` + name + `", "doc": "D.", "pl": {"key": "id"}, "fields": [
  {"name": "id", "type": "string", "doc": "D."},
  {"name": "who", "type": "pl.common.v1.Person", "doc": "D."}` + fields + "]}\r\n"
}

func person(fields string) string {
	return `{"type": "record", "namespace": "pl.common.v1", "name": "Person", "doc": "D.", "fields": [` + fields + "]}"
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "module example.com/school\n"
	for name, text := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// repaired changes one file of a school and repairs it.
func repaired(t *testing.T, file, was, is string) (text string, done []string) {
	t.Helper()
	files := func(text string) map[string]string {
		all := map[string]string{personFile: person(`{"name": "name", "type": "string", "doc": "D."}`),
			lentFile: event("Lent", ""), backFile: event("Returned", "")}
		all[file] = text
		return all
	}
	root := tree(t, files(is))
	base, err := history.Open(context.Background(), "", "dir:"+tree(t, files(was)), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if done, err = Contracts(context.Background(), root, base); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(got), done
}

// TestRepairs shows the new text with what is put in between « and ».
func TestRepairs(t *testing.T) {
	field := func(rest string) string { return `{"doc": "D.", ` + rest + `}` }
	for name, c := range map[string]struct {
		file, was, want string
		done            int
	}{
		"a field that two events share": {personFile, person(field(`"name": "name", "type": "string", "default": ""`)),
			person(field(`"name": "fullName"«, "aliases": ["name"]», "type": "string", "default": ""`)), 1},
		"a null default, with other line ends": {lentFile, event("Lent", ""),
			event("Lent", ",\r\n  "+field(`"name": "note",   "type": ["null", "string"]«, "default": null»`)), 1},
		"null is not the first type": {lentFile, event("Lent", ""),
			event("Lent", ", "+field(`"name": "note", "type": ["string", "null"]`)), 0},
		"an enum without UNKNOWN": {lentFile, event("Lent", ", "+field(`"name": "e", "type": {"type": "enum", "name": "E", "doc": "D.", "symbols": ["A", "B"]}`)),
			event("Lent", ", "+field(`"name": "e", "type": {"type": "enum", "name": "E", "doc": "D.", "symbols": ["A"]}`)), 0},
		"a rename that is waived": {lentFile, event("Lent", ", "+field(`"name": "shelf", "type": "string", "default": ""`)),
			event("Lent", ", "+field(`"name": "shelfMark", "type": "string", "default": "", "pl": {"allow": [{"rule": "COMPAT_RENAMED", "reason": "R."}]}`)), 0},
		"two renames on one line": {lentFile,
			event("Lent", ", "+field(`"name": "shelf", "type": "string", "default": ""`)+", "+field(`"name": "row", "type": "long", "default": 0`)),
			event("Lent", ", "+field(`"name": "shelfMark"«, "aliases": ["shelf"]», "type": "string", "default": ""`)+", "+field(`"name": "rowNumber"«, "aliases": ["row"]», "type": "long", "default": 0`)), 2},
		"aliases that are there": {lentFile, event("Lent", ", "+field(`"name": "a", "aliases": ["x", "y"], "type": "int", "default": 0`)),
			event("Lent", ", "+field(`"name": "a", "aliases": [«"y", »"x"], "type": "int", "default": 0`)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			var before strings.Builder
			after := strings.NewReplacer("«", "", "»", "").Replace(c.want)
			for rest := c.want; rest != ""; {
				keep, tail, _ := strings.Cut(rest, "«")
				before.WriteString(keep)
				_, rest, _ = strings.Cut(tail, "»")
			}
			got, done := repaired(t, c.file, c.was, before.String())
			if got != after || len(done) != c.done {
				t.Errorf("got %d changes\n%s\nwant\n%s", len(done), got, after)
			}
			if slices.ContainsFunc(done, func(line string) bool { return !strings.HasPrefix(line, c.file+":") }) {
				t.Errorf("%q", done)
			}
		})
	}
}
