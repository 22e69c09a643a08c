// Package lint checks what the model can express and should not: names that
// Go cannot keep apart, missing docs, routes and topics that collide.
package lint

import (
	"fmt"
	"path"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/entity"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/event"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Check returns the findings that are beyond those of reading and building.
func Check(set *source.Set, m *model.Model) []diag.Diagnostic {
	c := &checker{set: set, model: m}
	for _, a := range set.Avro {
		if a.Schema != nil {
			c.schema(a)
		}
	}
	for _, p := range set.Proto {
		if p.File != nil {
			c.protoDocs(p)
		}
	}
	c.folding()
	c.keywords()
	c.routes()
	c.httpPaths()
	c.policies()
	c.channels()
	c.access()
	return append(append(c.found, event.Check(m)...), entity.Check(m)...)
}

type checker struct {
	set   *source.Set
	model *model.Model
	found []diag.Diagnostic
}

func (c *checker) report(d diag.Diagnostic) { c.found = append(c.found, d) }

// folding reports topics that Kafka's metrics cannot keep apart, because they
// write both "." and "_" as "_". It looks at all files, also at those whose
// paths break another rule, so that nobody corrects one clash into the next.
func (c *checker) folding() {
	first := map[string]string{}
	for _, a := range c.set.Avro {
		if a.Shared() {
			continue
		}
		topic := rawTopic(a)
		folded := strings.ReplaceAll(topic, ".", "_")
		other, taken := first[folded]
		if !taken {
			first[folded] = topic
			continue
		}
		c.report(diag.New(diag.EventFold, diag.Pos{File: a.Path, Line: 1, Col: 1},
			fmt.Sprintf("the topics %s and %s are one in the broker's metrics", topic, other)).Because(
			"Kafka writes dots and underscores of a topic as underscores in metrics, and refuses a topic that collides",
			"rename one of the two events"))
	}
}

// rawTopic is the topic that a path would give if it broke no rule.
func rawTopic(a *source.Avro) string {
	dir, name := path.Split(strings.TrimPrefix(a.Path, source.AvroRoot+"/"))
	context, version, _ := strings.Cut(strings.Trim(dir, "/"), "/")
	return strings.Join([]string{"pl", context, strings.TrimSuffix(name, path.Ext(name)), version}, ".")
}

func (c *checker) routes() {
	first := map[string]*model.Method{}
	for _, ctx := range c.model.Contexts {
		if ctx.Service == nil {
			continue
		}
		for _, m := range ctx.Service.Methods {
			c.route(first, m)
		}
	}
}

func (c *checker) route(first map[string]*model.Method, m *model.Method) {
	if m.HTTPVerb == "" {
		return
	}
	route := m.HTTPVerb + " " + anonymous(m.HTTPPath)
	other, taken := first[route]
	if !taken {
		first[route] = m
		return
	}
	c.report(diag.New(diag.HTTPRoute, m.Pos, fmt.Sprintf("%s has the route of %s: %s %s", m.Name, other.Desc.FullName(), m.HTTPVerb, m.HTTPPath)).Because(
		"the gateway could not tell which of the two is meant; the names of fields in braces do not count",
		"change the path or the verb of one of them"))
}

// anonymous replaces the fields in a path by {}.
func anonymous(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

// schema checks everything that one schema file defines.
func (c *checker) schema(a *source.Avro) {
	w := &walker{file: a.Path, seen: map[*avro.Schema]bool{}}
	w.visit(a.Schema)
	for _, s := range w.schemas {
		c.properties(a, s, s == a.Schema && !a.Shared())
		c.logicalType(s)
		c.schemaDocs(s)
	}
	for _, f := range w.foreign {
		c.report(diag.New(diag.AvroUnknownType, f.at, fmt.Sprintf("the type %s belongs to another event, in %s", f.schema.FullName(), f.schema.Pos.File)).Because(
			"two events that share a type could not change independently; types that events share live in contracts/avro/common",
			"move the type to contracts/avro/common/v1, or define it here as well"))
	}
}

// A walker finds the schemas that a file defines, and its uses of types that
// other event files define.
type walker struct {
	file    string
	seen    map[*avro.Schema]bool
	schemas []*avro.Schema
	foreign []use
}

type use struct {
	schema *avro.Schema
	at     diag.Pos
}

func (w *walker) visit(s *avro.Schema) {
	if s == nil || w.seen[s] {
		return
	}
	w.seen[s] = true
	w.schemas = append(w.schemas, s)
	for _, f := range s.Fields {
		w.use(f.Type, f.TypePos)
	}
	w.use(s.Items, s.Pos)
	for _, b := range s.Branches {
		w.use(b, s.Pos)
	}
}

// use visits a schema unless another file defines it.
func (w *walker) use(s *avro.Schema, at diag.Pos) {
	switch {
	case s == nil:
	case s.Pos.File == w.file || s.Name == "":
		w.visit(s)
	case !strings.HasPrefix(s.Pos.File, source.CommonRoot+"/") && !w.seen[s]:
		w.seen[s] = true
		w.foreign = append(w.foreign, use{s, at})
	}
}
