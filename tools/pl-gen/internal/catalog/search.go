package catalog

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A hit is one line of the search page.
type hit struct {
	link
	Kind string
	// Words are what the line is found by beside its name and note.
	Words string
}

// searchPage adds the list of everything that has a page. Its script filters
// the list; without it, the list is whole.
func (s *site) searchPage() error {
	var hits []hit
	for _, e := range s.model.Events {
		hits = append(hits, hit{base("").eventLink(e), "Event", e.GoName + " " + fieldNames(e.Schema)})
	}
	for _, c := range s.model.Contexts {
		hits = append(hits, hit{base("").contextLink(c, sentence(c.Doc)), "Context", c.Owner})
	}
	for _, r := range s.model.Records {
		hits = append(hits, hit{link{r.Schema.FullName(), base("").record(r.Schema), sentence(r.Schema.Doc)}, "Record", fieldNames(r.Schema)})
	}
	for _, c := range s.model.Contexts {
		hits = append(hits, ofContext(c)...)
	}
	return s.render("search.html", "search.html", page{Title: "Search", Description: "Every name in the catalog.", Body: hits})
}

func ofContext(c *model.Context) []hit {
	var hits []hit
	for _, e := range c.Entities {
		var names []string
		for _, col := range e.Fields {
			names = append(names, col.Name, col.Desc.JSONName())
		}
		hits = append(hits, hit{link{c.Name + "." + e.Name, base("").entity(c, e), sentence(e.Doc)}, "Entity", strings.Join(names, " ")})
	}
	if c.Service == nil {
		return hits
	}
	for _, m := range c.Service.Methods {
		hits = append(hits, hit{link{c.Name + "." + m.Name, base("").call(c, m), sentence(m.Doc)}, "Call", m.HTTPPath + " " + messageNames(m.Input)})
	}
	return hits
}

// messageNames are the names of a request's fields.
func messageNames(m *model.Message) string {
	var names []string
	for i := range m.Desc.Fields().Len() {
		names = append(names, m.Desc.Fields().Get(i).JSONName())
	}
	return strings.Join(names, " ")
}

// fieldNames are the names of the fields and symbols in a schema.
func fieldNames(s *avro.Schema) string {
	var names []string
	for t := range source.Types(s) {
		for _, f := range t.Fields {
			names = append(names, f.Name)
		}
		names = append(names, t.Symbols...)
	}
	return strings.Join(names, " ")
}
