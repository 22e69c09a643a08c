package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/sample"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// The views below are what the templates of the same names show.

type overviewView struct {
	Graph                              *flowView
	Contexts                           []contextCard
	Events                             []eventLine
	Records                            []link
	Entities, Calls, Consumers, Owners int
	HasHub                             bool
}

type contextCard struct {
	link
	Owner, Doc                 string
	Publishes, Consumes, Calls int
}

type eventLine struct {
	link
	GoName, Context string
	Consumers       int
	PII             bool
}

func (s *site) overview() error {
	v := overviewView{Graph: flowsOf("", "Who publishes and consumes which event", s.model.Events, nil), HasHub: len(s.model.Events) > 0}
	owners := map[string]bool{}
	for _, c := range s.model.Contexts {
		card := contextCard{link: base("").contextLink(c, ""), Owner: c.Owner, Doc: sentence(c.Doc), Publishes: len(c.Publishes), Consumes: len(consumed(c))}
		if c.Service != nil {
			card.Calls = len(c.Service.Methods)
		}
		v.Contexts = append(v.Contexts, card)
		v.Entities, v.Calls, v.Consumers = v.Entities+len(c.Entities), v.Calls+card.Calls, v.Consumers+card.Consumes
		owners[c.Owner] = true
	}
	v.Owners = len(owners)
	v.Events = lines("", s.model.Events)
	for _, r := range s.model.Records {
		v.Records = append(v.Records, link{r.Schema.FullName(), base("").record(r.Schema), sentence(r.Schema.Doc)})
	}
	return s.render("index.html", "overview.html", page{
		Title: "Overview", Description: "Every context, event and call, with who publishes and who consumes.", Body: v,
	})
}

func lines(root base, events []*model.Event) []eventLine {
	var list []eventLine
	for _, e := range events {
		list = append(list, eventLine{
			link: root.eventLink(e), GoName: e.GoName, Context: e.Context,
			Consumers: len(e.Consumers) + len(e.Sagas), PII: len(personal(e.Schema, "", map[*avro.Schema]bool{})) > 0,
		})
	}
	return list
}

type contextView struct {
	Name, Owner, Doc string
	Graph            *flowView
	Publishes        []eventLine
	Consumes         []consumerLine
	Sagas            []sagaView
	Commands         []link
	Queries          []link
	Entities         []link
	Uses, UsedBy     []link
	OpenAPI          string
	AsyncAPI         string
	Source           string
}

type consumerLine struct {
	link
	Handler, Timeout, Start string
	From                    string
}

func (s *site) contexts() error {
	for _, c := range s.model.Contexts {
		if err := s.context(c); err != nil {
			return err
		}
		for _, e := range c.Entities {
			if err := s.entity(c, e); err != nil {
				return err
			}
		}
		if c.Service == nil {
			continue
		}
		for _, m := range c.Service.Methods {
			if err := s.call(c, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *site) context(c *model.Context) error {
	v := contextView{Name: c.Name, Owner: c.Owner, Doc: prose(c.Doc), Source: c.Pos.File}
	v.Publishes = lines(below, c.Publishes)
	events := slices.Clone(c.Publishes)
	for _, consumer := range c.Consumes {
		events = append(events, consumer.Event)
		v.Consumes = append(v.Consumes, consumerOf(consumer))
	}
	for _, saga := range c.Sagas {
		v.Sagas = append(v.Sagas, sagaOf(saga))
		for _, e := range saga.Consumes() {
			if !slices.Contains(events, e) {
				events = append(events, e)
			}
		}
	}
	if len(events) > 0 {
		v.Graph = flowsOf(below, "What "+c.Name+" publishes and consumes", events, c)
		v.AsyncAPI = string(below) + "asyncapi/" + c.Name + ".json"
	}
	for _, e := range c.Entities {
		v.Entities = append(v.Entities, link{e.Name, below.entity(c, e), sentence(e.Doc)})
	}
	v.calls(c)
	for _, other := range c.Calls {
		v.Uses = append(v.Uses, below.contextLink(other, ""))
	}
	for _, other := range s.model.Contexts {
		if slices.Contains(other.Calls, c) {
			v.UsedBy = append(v.UsedBy, below.contextLink(other, ""))
		}
	}
	return s.render("contexts/"+c.Name+".html", "context.html", page{Title: c.Name, Description: description(c.Doc, "The context "+c.Name), Body: v})
}

func (v *contextView) calls(c *model.Context) {
	if c.Service == nil {
		return
	}
	for _, m := range c.Service.Methods {
		l := link{m.Name, below.call(c, m), sentence(m.Doc)}
		if m.Query {
			v.Queries = append(v.Queries, l)
		} else {
			v.Commands = append(v.Commands, l)
		}
	}
	if len(c.Service.Methods) > 0 {
		v.OpenAPI = string(below) + "openapi/" + c.Name + ".json"
	}
}

func consumerOf(c *model.Consumer) consumerLine {
	line := consumerLine{link: below.eventLink(c.Event), Handler: c.Handler, Timeout: short(c.Timeout), Start: "earliest", From: c.Event.Context}
	if c.Latest {
		line.Start = "latest"
	}
	return line
}

// short writes a duration as contracts do: "30d", "36h", "10s".
func short(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func description(doc, otherwise string) string {
	if doc == "" {
		return otherwise + "."
	}
	return sentence(doc)
}

type entityView struct {
	Name, Table, Doc string
	Context          link
	Columns          []row
	Unique, Index    [][]string
	Source           string
}

func (s *site) entity(c *model.Context, e *model.Entity) error {
	return s.render("entities/"+c.Name+"."+e.Name+".html", "entity.html", page{
		Title: e.Name + " in " + c.Name, Description: description(e.Doc, "The entity "+e.Name),
		Body: entityView{
			Name: e.Name, Table: e.Table, Doc: prose(e.Doc), Context: below.contextLink(c, ""), Columns: columns(e),
			Unique: columnNames(e.Unique), Index: columnNames(e.Index), Source: e.Pos.String(),
		},
	})
}

type callView struct {
	Name, Doc          string
	Context            link
	LetsIn             string
	Query              bool
	Path               string
	HTTPVerb, HTTPPath string
	Request, Response  []messageView
	OpenAPI, Source    string
	Sample             string
}

func (s *site) call(c *model.Context, m *model.Method) error {
	v := callView{
		Name: m.Name, Doc: prose(m.Doc), Context: below.contextLink(c, ""), Query: m.Query, LetsIn: m.LetsIn(),
		Path: "/" + string(c.Service.Desc.FullName()) + "/" + m.Name, HTTPVerb: m.HTTPVerb, HTTPPath: m.HTTPPath,
		Request: messages(m.Input), OpenAPI: string(below) + "openapi/" + c.Name + ".json", Source: m.Pos.String(),
		Sample: sample.Request(m.Input.Desc),
	}
	for _, view := range messages(&model.Message{Desc: m.Output.Desc}) {
		if !slices.ContainsFunc(v.Request, func(r messageView) bool { return r.ID == view.ID }) {
			v.Response = append(v.Response, view)
		}
	}
	return s.render("calls/"+c.Name+"."+m.Name+".html", "call.html", page{
		Title: m.Name + " of " + c.Name, Description: description(m.Doc, "The call "+m.Name), Body: v,
	})
}
