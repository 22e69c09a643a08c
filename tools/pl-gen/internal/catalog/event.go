package catalog

import (
	"fmt"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/sample"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

type eventView struct {
	GoName, Topic, Doc string
	Version            int
	Context            link
	Owner              string
	Graph              *flowView
	Facts              []fact
	Fields             []row
	Personal           []string
	Consumers          []eventConsumer
	Versions           []link
	Plain, Avro        string
	History            historyView
	Schema, AsyncAPI   string
	Source             string
}

// A fact is one line of what is said of an event as a whole.
type fact struct {
	Name, Value string
	Code        bool
	// Note explains the value.
	Note string
}

type eventConsumer struct {
	link
	Handler, Owner, Timeout, DeadLetters string
}

type historyView struct {
	Entries []history.Entry
	// Missing says why there is no history, or that there is only a part.
	Missing string
}

func (s *site) events() error {
	for _, e := range s.model.Events {
		if err := s.event(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) event(e *model.Event) error {
	v := eventView{
		GoName: e.GoName, Topic: e.Topic, Doc: prose(e.Schema.Doc), Version: e.Version, Source: e.File,
		Context:  link{Name: e.Context, Href: string(below) + "contexts/" + e.Context + ".html"},
		Facts:    facts(e),
		Fields:   s.fields(below, e.Schema, marksOf(e)),
		Personal: personal(e.Schema, "", map[*avro.Schema]bool{}),
		Plain:    sample.Plain(e.Schema), Avro: sample.Avro(e.Schema),
		History:  s.historyOf(e.File),
		Schema:   string(below) + "schemas/" + e.Topic + ".avsc",
		AsyncAPI: string(below) + "asyncapi/hub.json",
	}
	if e.Publisher != nil || len(e.Consumers)+len(e.Sagas) > 0 {
		v.Graph = flowsOf(below, "Who publishes and consumes "+e.GoName, []*model.Event{e}, nil)
	}
	if e.Publisher != nil {
		v.Owner = e.Publisher.Owner
	}
	for _, r := range readersOf(e) {
		v.Consumers = append(v.Consumers, eventConsumer{
			link: below.contextLink(r.context, ""), Handler: r.name, Owner: r.context.Owner, Timeout: short(r.timeout),
			DeadLetters: e.Topic + "." + r.context.Name + ".dlq",
		})
	}
	for _, other := range s.model.Events {
		if other.Context == e.Context && other.Name == e.Name && other != e {
			v.Versions = append(v.Versions, below.eventLink(other))
		}
	}
	return s.render("events/"+e.Topic+".html", "event.html", page{
		Title: e.GoName + " (" + e.Topic + ")", Description: description(e.Schema.Doc, "The event "+e.GoName), Body: v,
	})
}

func facts(e *model.Event) []fact {
	list := []fact{
		{"Key", "none", false, "events keep no order"},
		{"Partitions", itoa(int(e.Partitions)), false, ""},
		{"Retention", short(e.Retention), false, ""},
		{"Compatibility", e.Compatibility, true, compatibility[e.Compatibility]},
		{"Registry subject", e.Topic + "-value", true, ""},
		{"Fingerprint", fmt.Sprintf("%016x", e.Fingerprint), true, "of the registered schema"},
	}
	if e.Key != nil {
		list[0] = fact{"Key", e.Key.Name, true, "events with the same key keep their order"}
	}
	if e.Realtime != "" {
		list = append(list, fact{"Realtime channel", e.Realtime, true, "clients that listen there get the event"})
	}
	return list
}

// compatibility says what a new version of a schema must keep.
var compatibility = map[string]string{
	"BACKWARD":            "new readers read the last version",
	"BACKWARD_TRANSITIVE": "new readers read every version",
	"FORWARD":             "readers of the last version read new events",
	"FORWARD_TRANSITIVE":  "readers of every version read new events",
	"FULL":                "old and new of the last two versions read each other",
	"FULL_TRANSITIVE":     "all versions read each other",
	"NONE":                "nothing is promised",
}

func marksOf(e *model.Event) map[string][]string {
	marks := map[string][]string{}
	if e.Key != nil {
		marks[e.Key.Name] = append(marks[e.Key.Name], "key")
	}
	if e.Subject != nil {
		marks[e.Subject.Name] = append(marks[e.Subject.Name], "subject")
	}
	return marks
}

// historyOf returns the commits that changed a schema.
func (s *site) historyOf(file string) historyView {
	switch {
	case s.history == nil:
		return historyView{Missing: "The site was built without git, so it has no history."}
	case len(s.history.Entries(file)) == 0:
		return historyView{Missing: "Not committed yet."}
	}
	v := historyView{Entries: s.history.Entries(file)}
	if s.history.Shallow {
		v.Missing = "Built from a shallow clone: what is older than its first commit is not shown."
	}
	return v
}

type recordView struct {
	Name, FullName, Doc, Kind string
	Fields                    []row
	Symbols                   []symbol
	UsedBy                    []link
	Sample                    string
	History                   historyView
	Source                    string
}

func (s *site) records() error {
	for _, r := range s.model.Records {
		v := recordView{
			Name: r.Schema.Name, FullName: r.Schema.FullName(), Doc: prose(r.Schema.Doc), Kind: r.Schema.Kind.String(),
			Fields: s.fields(below, r.Schema, nil), Symbols: symbolsOf(r.Schema), UsedBy: s.usedBy(r.Schema),
			Sample: sample.Plain(r.Schema), History: s.historyOf(r.File), Source: r.File,
		}
		err := s.render("records/"+r.Schema.FullName()+".html", "record.html", page{
			Title: v.FullName, Description: description(v.Doc, "The shared type "+v.Name), Body: v,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// usedBy lists the events that use a shared type, also through others.
func (s *site) usedBy(schema *avro.Schema) []link {
	var list []link
	for _, e := range s.model.Events {
		if source.Uses(e.Schema, schema) {
			list = append(list, below.eventLink(e))
		}
	}
	return list
}
