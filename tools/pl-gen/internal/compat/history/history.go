// Package history reads the contracts that a change is compared with: those
// of a git commit with all that came before it, of a directory, or of a schema
// registry.
package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A Base is what a change is compared with.
type Base struct {
	// Name is for people, for example "git:origin/main (1a2b3c4d5e6f)", and
	// Label the same without what changes with every commit.
	Name, Label string
	// Set and Model are its contracts. Those of a registry are schemas alone,
	// without protos, consumers and code.
	Set   *source.Set
	Model *model.Model
	// Faulty are the schemas that could not be read, by path, with what is
	// wrong.
	Faulty map[string]string
	// Complete is false for a registry: it has no protos, and so no wiring.
	Complete bool
	// Registered is true where every version is known to be registered.
	Registered bool

	// museum has the published versions by topic, the newest first.
	museum map[string][]Version
	older  func(ctx context.Context, e *model.Event) ([]Version, error)
	code   func(ctx context.Context) (fs.FS, error)
	// migrations is nil for a registry.
	migrations func(ctx context.Context) (fs.FS, error)
	level      func(ctx context.Context, topic string) (string, error)
}

// A Version is an event as it was published once.
type Version struct {
	// Name is for people, for example "git:origin/main" or "version 3".
	Name  string
	Event *model.Event
}

// Event returns the last version of the event of a topic, or nil.
func (b *Base) Event(topic string) *model.Event {
	for _, e := range b.Model.Events {
		if e.Topic == topic {
			return e
		}
	}
	return nil
}

// Older returns the versions before the last one, the newest first, each text
// once. The error is ErrShallow where a checkout does not know them.
//
// A base whose museum has the event knows from there what was published. Else
// a commit takes everything that was on the way to it for published.
func (b *Base) Older(ctx context.Context, e *model.Event) ([]Version, error) {
	switch {
	case len(b.museum[e.Topic]) > 0:
		return distinct(e, b.museum[e.Topic]), nil
	case b.older == nil:
		return nil, nil
	}
	return b.older(ctx, e)
}

// Level returns the level that a registry applies to the event now, or "" for
// a base that is none.
func (b *Base) Level(ctx context.Context, topic string) (string, error) {
	if b.level == nil {
		return "", nil
	}
	return b.level(ctx, topic)
}

// Code returns the tree with the handlers under services, or nil when the base
// has no code.
func (b *Base) Code(ctx context.Context) (fs.FS, error) {
	if b.code == nil {
		return nil, nil
	}
	return b.code(ctx)
}

// Migrations returns a tree with the migrations under services, or nil when the
// base has none.
func (b *Base) Migrations(ctx context.Context) (fs.FS, error) {
	if b.migrations == nil {
		return nil, nil
	}
	return b.migrations(ctx)
}

// ErrNothing means that nothing was named to compare with, and that there is
// no main branch to choose.
var ErrNothing = errors.New("there is nothing to compare with")

// Open reads what against names: "git:REF", "dir:PATH" or "registry:URL". The
// empty text means the commit at which HEAD left the main branch. A schema of
// the base that cannot be read is named in log.
func Open(ctx context.Context, root, against string, log io.Writer) (*Base, error) {
	kind, rest, _ := strings.Cut(against, ":")
	var b *Base
	var err error
	switch {
	case against == "":
		b, err = openDefault(ctx, root)
	case kind == "git" && rest != "":
		b, err = openGit(ctx, root, rest)
	case kind == "dir" && rest != "":
		b, err = openDir(rest)
	case kind == "registry" && rest != "":
		b, err = openRegistry(ctx, strings.TrimRight(rest, "/"))
	default:
		return nil, fmt.Errorf("%q names nothing to compare with: use git:REF, dir:PATH or registry:URL", against)
	}
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(b.Faulty)) {
		fmt.Fprintf(log, "%s was faulty in %s, so the versions before it are compared: %s\n", path, b.Name, b.Faulty[path])
	}
	return b, nil
}

func openDir(dir string) (*Base, error) {
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(source.AvroRoot))); err != nil {
		return nil, fmt.Errorf("read the contracts to compare with: %w; name a repository's root, the directory above contracts/avro", err)
	}
	return Tree("dir:"+dir, os.DirFS(dir))
}

// Tree returns the base that a repository's tree is, under the name.
func Tree(name string, fsys fs.FS) (*Base, error) {
	whole := func(context.Context) (fs.FS, error) { return fsys, nil }
	b := &Base{Name: name, Label: name, Complete: true, code: whole, migrations: whole}
	return b, b.load(fsys)
}

// load reads a whole tree. Findings of the old contracts concern nobody any
// more, except that a schema with errors cannot be compared.
func (b *Base) load(fsys fs.FS) error {
	set, found, err := source.Load(withModule{fsys})
	if err != nil {
		return fmt.Errorf("read the contracts of %s: %w", b.Name, err)
	}
	b.Set = set
	b.Model, _ = model.Build(set)
	b.Faulty = map[string]string{}
	for _, a := range set.Avro {
		if a.Schema == nil {
			b.Faulty[a.Path] = faultOf(a.Path, found)
		}
	}
	b.museum, err = published(fsys)
	return err
}

func faultOf(path string, found []diag.Diagnostic) string {
	for _, d := range found {
		if d.Pos.File == path && d.Severity == diag.Error {
			return d.String()
		}
	}
	return "it refers to a file with faults"
}

// withModule gives a tree a go.mod if it has none: contracts that are only
// compared need no module.
type withModule struct{ fs.FS }

func (w withModule) ReadFile(name string) ([]byte, error) {
	text, err := fs.ReadFile(w.FS, name)
	if name == "go.mod" && errors.Is(err, fs.ErrNotExist) {
		return []byte("module compared\n"), nil
	}
	return text, err
}

// parseEvent reads one version of an event. The shared files may be nil.
func parseEvent(path string, file avro.File, shared []avro.File) (*model.Event, error) {
	schemas, err := avro.ParseFiles(append([]avro.File{file}, shared...), nil)
	if schemas[0] == nil {
		return nil, err
	}
	return eventOf(path, file.Text, schemas[0])
}

// eventOf builds the event of a schema that would stand at path.
func eventOf(path string, text []byte, s *avro.Schema) (*model.Event, error) {
	m, _ := model.Build(&source.Set{Module: "compared", Avro: []*source.Avro{{Path: path, Text: text, Schema: s}}})
	if len(m.Events) != 1 {
		return nil, fmt.Errorf("%s is no event", path)
	}
	return m.Events[0], nil
}

// distinct leaves out versions whose text a newer one has.
func distinct(last *model.Event, versions []Version) []Version {
	seen := [][]byte{last.Text}
	var kept []Version
	for _, v := range versions {
		if !contains(seen, v.Event.Text) {
			kept = append(kept, v)
			seen = append(seen, v.Event.Text)
		}
	}
	return kept
}

func contains(texts [][]byte, text []byte) bool {
	for _, t := range texts {
		if bytes.Equal(t, text) {
			return true
		}
	}
	return false
}
