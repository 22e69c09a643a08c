package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "migrate"

// Options say how to plan.
type Options struct {
	// Name is the middle of the new files' names, "init" or "change" when it
	// is empty.
	Name string
	// Destructive allows changes that lose data.
	Destructive bool
}

// Dir returns the directory of a context's migrations, relative to the
// repository's root.
func Dir(context string) string { return "services/" + context + "/migrations" }

func snapshotPath(context string) string { return Dir(context) + "/tables.json" }

// A RefusedError lists changes that were not planned.
type RefusedError struct {
	Context string
	// Reasons has one line a change.
	Reasons []string
}

// Error returns all lines.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("migrations of %s: %s", e.Context, strings.Join(e.Reasons, "; "))
}

// Pending says, a line each, how the entities of a context differ from what
// its migrations lead to. root is the repository.
func Pending(root fs.FS, c *model.Context) ([]string, error) {
	from, err := ReadSnapshot(root, c.Name)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, ch := range changes(from, Of(c)) {
		lines = append(lines, ch.text)
	}
	return lines, nil
}

// Plan returns the files that bring the migrations of a context up to its
// entities: the next migration of each dialect, the snapshot, and the Go file
// that embeds them. It returns none when there is nothing to do. Migrations
// that exist are never changed. root is the repository.
func Plan(root fs.FS, c *model.Context, o Options) ([]plan.File, error) {
	from, err := ReadSnapshot(root, c.Name)
	if err != nil {
		return nil, err
	}
	to := Of(c)
	list := changes(from, to)
	embed, err := embedFile(root, c)
	if err != nil || len(list) == 0 {
		return embed, err
	}
	if err := refuse(c.Name, list, o); err != nil {
		return nil, err
	}
	migrations, err := next(root, c, from, to, o, list)
	if err != nil {
		return nil, err
	}
	data, err := to.Encode()
	if err != nil {
		return nil, err
	}
	files := append(migrations, owned(snapshotPath(c.Name), data))
	return append(files, embed...), nil
}

func owned(path string, content []byte) plan.File {
	return plan.File{Path: path, Content: content, Emitter: Emitter, Ownership: plan.Scaffolded}
}

// ReadSnapshot returns the tables that the migrations of a context lead to. root
// is the repository.
func ReadSnapshot(root fs.FS, context string) (Snapshot, error) {
	data, err := fs.ReadFile(root, snapshotPath(context))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, err
	}
	s, err := Decode(data)
	if err != nil {
		return s, fmt.Errorf("%s: %w", snapshotPath(context), err)
	}
	return s, nil
}

func refuse(context string, list []change, o Options) error {
	e := &RefusedError{Context: context}
	for _, ch := range list {
		switch {
		case ch.refusal != "":
			e.Reasons = append(e.Reasons, ch.text+": "+ch.refusal)
		case ch.loss && !o.Destructive:
			e.Reasons = append(e.Reasons, ch.text+": data would be lost; if that is meant, run pl-gen migrate diff "+context+" --allow-destructive --reason TEXT")
		}
	}
	if len(e.Reasons) == 0 {
		return nil
	}
	return e
}

func next(root fs.FS, c *model.Context, from, to Snapshot, o Options, list []change) ([]plan.File, error) {
	var files []plan.File
	for _, d := range dialects {
		number, err := nextNumber(root, path.Join(Dir(c.Name), d.name))
		if err != nil {
			return nil, err
		}
		statements, err := d.statements(from, to)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s/%s/%04d_%s.sql", Dir(c.Name), d.name, number, nameOf(o, number))
		files = append(files, owned(name, render(list, statements)))
	}
	return files, nil
}

func nameOf(o Options, number int) string {
	switch {
	case o.Name != "":
		return o.Name
	case number == 1:
		return "init"
	}
	return "change"
}

func render(list []change, statements []string) []byte {
	var b strings.Builder
	for _, ch := range list {
		b.WriteString("-- " + ch.text + "\n")
	}
	for _, s := range statements {
		b.WriteString("\n" + s + ";\n")
	}
	return []byte(b.String())
}

var filePattern = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

func nextNumber(root fs.FS, dir string) (int, error) {
	entries, err := fs.ReadDir(root, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	last := 0
	for _, e := range entries {
		m := filePattern.FindStringSubmatch(e.Name())
		if m == nil {
			return 0, fmt.Errorf("%s/%s is not named NNNN_name.sql; rename or remove it", dir, e.Name())
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return last + 1, nil
}

// embedFile returns the Go file that embeds the migrations, unless it is there.
func embedFile(root fs.FS, c *model.Context) ([]plan.File, error) {
	name := Dir(c.Name) + "/migrations.go"
	pattern := ""
	if len(c.Entities) > 0 {
		pattern = "\n//\n//go:embed postgres/*.sql sqlite/*.sql"
	}
	text := fmt.Sprintf(`// Package migrations holds the history of the database of %s. Files are
// added by "pl-gen migrate diff" and never changed.
package migrations

import "embed"

// Files holds <dialect>/NNNN_name.sql.%s
var Files embed.FS
`, c.Name, pattern)
	old, err := fs.ReadFile(root, name)
	if err == nil && string(old) == text {
		return nil, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return []plan.File{owned(name, []byte(text))}, nil
}
