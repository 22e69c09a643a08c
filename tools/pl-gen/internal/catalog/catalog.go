// Package catalog renders the contracts as a static site: contexts, events,
// shared records, entities and calls, with the graph of who publishes and
// consumes what. The site needs no server and no JavaScript, and refers to
// nothing outside of itself. Equal input gives equal bytes.
package catalog

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/asyncapi"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/openapi"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

//go:embed template
var assets embed.FS

// A File is one file of the site.
type File struct {
	// Path is relative to the site's root, with slashes.
	Path    string
	Content []byte
}

// Build renders the site, sorted by path. past may be nil.
func Build(m *model.Model, past *history.History) ([]File, error) {
	s := newSite(m, past)
	steps := []func() error{s.overview, s.contexts, s.events, s.records, s.searchPage, s.documents, s.static}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("build the catalog: %w", err)
		}
	}
	slices.SortFunc(s.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return s.files, nil
}

// A site collects files.
type site struct {
	model   *model.Model
	history *history.History
	shared  sharedTypes
	files   []File
}

func newSite(m *model.Model, past *history.History) *site {
	return &site{model: m, history: past, shared: sharedOf(m)}
}

func (s *site) add(path string, content []byte) {
	s.files = append(s.files, File{path, content})
}

// static adds what is the same for every repository, and llms.txt.
func (s *site) static() error {
	css, err := assets.ReadFile("template/style.css")
	if err != nil {
		return err
	}
	s.add("style.css", css)
	s.add("llms.txt", s.llms())
	return nil
}

// documents adds the machine-readable forms: AsyncAPI, OpenAPI and the schemas
// as they are registered.
func (s *site) documents() error {
	for _, e := range s.model.Events {
		s.add("schemas/"+e.Topic+".avsc", e.Text)
	}
	if err := s.planned(asyncapi.EmitHub(s.model)); err != nil {
		return err
	}
	for _, c := range s.model.Contexts {
		if err := s.planned(asyncapi.Emit(c)); err != nil {
			return err
		}
		if err := s.planned(openapi.Emit(c)); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) planned(files []plan.File, err error) error {
	for _, f := range files {
		s.add(strings.TrimPrefix(f.Path, "gen/"), f.Content)
	}
	return err
}
