// Package museum keeps every published version of every event's schema with
// recorded bytes, so that a test can show that today's consumers still read
// what was ever written. The museum is history: files are added, and never
// changed.
package museum

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Root is the museum's directory, relative to the repository's root. A version
// is two files in it, <topic>/<n>.avsc with the registered text, and
// <topic>/<n>.hex with a sample a line, its name and its bytes.
const Root = "contracts/museum"

// A Version is a published version of an event's schema.
type Version struct {
	// File is relative to the repository's root.
	File   string
	Number int
	// Text is the registered text.
	Text []byte
}

// Versions returns the schemas in the museum of the repository whose root is
// fsys, by topic, the oldest first. A museum that does not exist has none.
func Versions(fsys fs.FS) (map[string][]Version, error) {
	names, err := fs.Glob(fsys, Root+"/*/*.avsc")
	if err != nil {
		return nil, fmt.Errorf("read the schema museum: %w", err)
	}
	topics := map[string][]Version{}
	for _, name := range names {
		number, err := strconv.Atoi(strings.TrimSuffix(path.Base(name), ".avsc"))
		if err != nil || number < 1 {
			return nil, fmt.Errorf("read the schema museum: %s is not named <number>.avsc; rename it", name)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read the schema museum: %w", err)
		}
		topic := path.Base(path.Dir(name))
		topics[topic] = append(topics[topic], Version{name, number, bytes.TrimSpace(text)})
	}
	for _, list := range topics {
		slices.SortFunc(list, func(a, b Version) int { return cmp.Compare(a.Number, b.Number) })
	}
	return topics, nil
}

// A Museum is what is in the directory.
type Museum struct{ topics map[string][]Version }

// Read reads the museum of the repository whose root is fsys. One that does
// not exist is empty. Versions without recorded bytes are an error.
func Read(fsys fs.FS) (*Museum, error) {
	topics, err := Versions(fsys)
	if err != nil {
		return nil, err
	}
	for _, list := range topics {
		for _, v := range list {
			if _, err := fs.Stat(fsys, strings.TrimSuffix(v.File, ".avsc")+".hex"); errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("read the schema museum: %s has no recorded bytes beside it; restore the file <number>.hex from the repository's history", v.File)
			}
		}
	}
	return &Museum{topics}, nil
}

// Has reports whether the event's schema, as it is now, is in the museum.
func (m *Museum) Has(e *model.Event) bool {
	return slices.ContainsFunc(m.topics[e.Topic], func(v Version) bool { return bytes.Equal(v.Text, e.Text) })
}

// Missing returns the events whose schemas are not in the museum, in order.
func (m *Museum) Missing(events []*model.Event) []*model.Event {
	return slices.DeleteFunc(slices.Clone(events), m.Has)
}

// Findings reports the events that the museum lacks.
func (m *Museum) Findings(events []*model.Event) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, e := range m.Missing(events) {
		found = append(found, diag.New(diag.MuseumMissing, e.Pos, "this version of "+e.GoName+" is not in the schema museum").Because(
			"once it is published, records of this version stay readable only if a test replays some",
			`run "pl-gen museum add" and commit what it writes to `+Root))
	}
	return found
}

// A File is one new file of the museum.
type File struct {
	// Path is relative to the repository's root.
	Path    string
	Content []byte
}

// Add returns the files that put the event's schema and samples of it into the
// museum, under the next number of its topic.
func (m *Museum) Add(e *model.Event) ([]File, error) {
	samples, err := Samples(e.Schema)
	if err != nil {
		return nil, fmt.Errorf("make samples of %s: %w", e.Topic, err)
	}
	var lines bytes.Buffer
	for _, s := range samples {
		fmt.Fprintf(&lines, "%s %s\n", s.Name, hex.EncodeToString(s.Data))
	}
	name := fmt.Sprintf("%s/%s/%d", Root, e.Topic, m.next(e.Topic))
	return []File{
		{name + ".hex", lines.Bytes()},
		{name + ".avsc", append(slices.Clone(e.Text), '\n')},
	}, nil
}

func (m *Museum) next(topic string) int {
	list := m.topics[topic]
	if len(list) == 0 {
		return 1
	}
	return list[len(list)-1].Number + 1
}
