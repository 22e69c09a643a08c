package catalog

import (
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/catalog/graph"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A flowView says who publishes and consumes events: drawn as a graph, or as a
// matrix when a graph would have too many edges, and in words.
type flowView struct {
	graph.Graph
	Title string
	// Grouped is true when a node stands for all events of a context.
	Grouped bool
	Matrix  *matrix
	Flows   []flow
}

// A flow is one event, or all of a context, with who publishes and consumes.
type flow struct {
	From  link
	Event link
	To    []link
}

const (
	// mostEvents is how many events are drawn one by one.
	mostEvents = 40
	// mostLinks is how many edges are drawn.
	mostLinks = 160
)

// flowsOf draws the events; focus, if not nil, is the context whose page it is
// on.
func flowsOf(root base, title string, events []*model.Event, focus *model.Context) *flowView {
	b := &flowBuilder{root: root, focus: focus, sizes: map[string]int{}, view: &flowView{Title: title, Grouped: len(events) > mostEvents}}
	for _, e := range events {
		b.event(e)
	}
	if b.view.Links() > mostLinks {
		b.view.Matrix = matrixOf(root, events)
	} else {
		b.view.Layout()
	}
	return b.view
}

type flowBuilder struct {
	root  base
	focus *model.Context
	view  *flowView
	// sizes counts the events that a node stands for.
	sizes map[string]int
}

func (b *flowBuilder) event(e *model.Event) {
	middle := b.middle(e)
	f := b.flow(e)
	if e.Publisher != nil {
		b.view.Join(b.context(graph.Producers, "p-", e.Publisher), middle)
	}
	for _, c := range b.consumers(e) {
		b.view.Join(middle, b.context(graph.Consumers, "c-", c))
		if !slices.ContainsFunc(f.To, func(l link) bool { return l.Name == c.Name }) {
			f.To = append(f.To, b.root.contextLink(c, ""))
		}
	}
}

// consumers are the contexts that consume an event. On a context's own page
// the others that consume what it consumes are left out.
func (b *flowBuilder) consumers(e *model.Event) []*model.Context {
	if b.focus != nil && e.Publisher != b.focus {
		return []*model.Context{b.focus}
	}
	return consumersOf(e)
}

// middle returns the node of an event, or of all events of its context.
func (b *flowBuilder) middle(e *model.Event) *graph.Node {
	if !b.view.Grouped {
		n := b.view.Node(graph.Events, "e-"+e.Topic)
		n.Text, n.Note, n.Href, n.Class = e.GoName, e.Topic, b.root.event(e), "event"
		return n
	}
	n := b.view.Node(graph.Events, "g-"+e.Context)
	b.sizes[n.ID]++
	n.Text, n.Class = count(b.sizes[n.ID], "event", "events"), "event"
	n.Note, n.Href = "pl."+e.Context+".…", string(b.root)+"contexts/"+e.Context+".html"
	return n
}

// flow returns the flow of an event, or of its context.
func (b *flowBuilder) flow(e *model.Event) *flow {
	f := flow{Event: link{Name: e.GoName, Href: b.root.event(e), Note: e.Topic}}
	if e.Publisher != nil {
		f.From = b.root.contextLink(e.Publisher, "")
	}
	if b.view.Grouped {
		f.Event = link{Name: "events of " + e.Context, Href: string(b.root) + "contexts/" + e.Context + ".html"}
		if i := slices.IndexFunc(b.view.Flows, func(o flow) bool { return o.Event == f.Event }); i >= 0 {
			return &b.view.Flows[i]
		}
	}
	b.view.Flows = append(b.view.Flows, f)
	return &b.view.Flows[len(b.view.Flows)-1]
}

func (b *flowBuilder) context(column int, side string, c *model.Context) *graph.Node {
	n := b.view.Node(column, side+c.Name)
	n.Text, n.Href, n.Class = c.Name, b.root.context(c), "context"
	if c == b.focus {
		n.Class = "context here"
	}
	return n
}
