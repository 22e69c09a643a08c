// Package museum keeps every published version of every event's schema with
// recorded bytes, so that a test can show that today's consumers still read
// what was ever written. The museum is history: files are added, and never
// changed.
package museum

import (
	"bytes"
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

// A Museum is what is in the directory.
type Museum struct {
	// topics holds the schemas of each topic, by number.
	topics map[string][]exhibit
}

type exhibit struct {
	number int
	text   []byte
}

// Read reads the museum of the repository whose root is fsys. One that does
// not exist is empty.
func Read(fsys fs.FS) (*Museum, error) {
	m := &Museum{topics: map[string][]exhibit{}}
	names, err := fs.Glob(fsys, Root+"/*/*.avsc")
	if err != nil {
		return nil, fmt.Errorf("read the schema museum: %w", err)
	}
	for _, name := range names {
		number, err := strconv.Atoi(strings.TrimSuffix(path.Base(name), ".avsc"))
		if err != nil || number < 1 {
			return nil, fmt.Errorf("read the schema museum: %s is not named <number>.avsc; rename it", name)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read the schema museum: %w", err)
		}
		if _, err := fs.Stat(fsys, strings.TrimSuffix(name, ".avsc")+".hex"); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the schema museum: %s has no recorded bytes beside it; restore the file <number>.hex from the repository's history", name)
		}
		topic := path.Base(path.Dir(name))
		m.topics[topic] = append(m.topics[topic], exhibit{number, bytes.TrimSpace(text)})
	}
	return m, nil
}

// Has reports whether the event's schema, as it is now, is in the museum.
func (m *Museum) Has(e *model.Event) bool {
	return slices.ContainsFunc(m.topics[e.Topic], func(x exhibit) bool { return bytes.Equal(x.text, e.Text) })
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
	most := 0
	for _, x := range m.topics[topic] {
		most = max(most, x.number)
	}
	return most + 1
}
