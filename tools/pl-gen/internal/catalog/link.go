package catalog

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A base leads from a page to the site's root. All links are relative, so that
// the site works from a directory, under any path of a server.
type base string

// below is the base of every page in a directory of the site.
const below base = "../"

func (b base) event(e *model.Event) string     { return string(b) + "events/" + e.Topic + ".html" }
func (b base) context(c *model.Context) string { return string(b) + "contexts/" + c.Name + ".html" }
func (b base) record(s *avro.Schema) string    { return string(b) + "records/" + s.FullName() + ".html" }
func (b base) entity(c *model.Context, e *model.Entity) string {
	return string(b) + "entities/" + c.Name + "." + e.Name + ".html"
}
func (b base) call(c *model.Context, m *model.Method) string {
	return string(b) + "calls/" + c.Name + "." + m.Name + ".html"
}

// A link is a name that leads to a page of the site.
type link struct {
	Name, Href string
	// Note is shown beside the link, or "".
	Note string
}

func (b base) contextLink(c *model.Context, note string) link {
	return link{c.Name, b.context(c), note}
}

func (b base) eventLink(e *model.Event) link {
	return link{e.Topic, b.event(e), sentence(e.Schema.Doc)}
}

// sharedTypes are the types that have a page of their own.
type sharedTypes map[*avro.Schema]*model.SharedRecord

func sharedOf(m *model.Model) sharedTypes {
	types := sharedTypes{}
	for _, r := range m.Records {
		types[r.Schema] = r
	}
	return types
}

// prose undoes the wrapping of a doc: lines of a paragraph become one, except
// those of a list or a piece of code.
func prose(doc string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(doc), "\n") {
		kept := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ")
		switch {
		case b.Len() == 0:
		case line == "" || kept || strings.HasSuffix(b.String(), "\n"):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(strings.TrimRight(line, " "))
	}
	return b.String()
}

// sentence is the beginning of a doc up to the first full stop, in one line.
func sentence(doc string) string {
	text := strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
