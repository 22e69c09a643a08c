package catalog

import (
	"cmp"
	"slices"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A graph is producers, events and consumers in three columns, ready to draw.
type graph struct {
	Title         string
	Width, Height int
	Columns       []heading
	Nodes         []*node
	Edges         []edge
	// Flows say the same in words.
	Flows []flow
	// Grouped is true when a node stands for all events of a context.
	Grouped bool
	// Matrix takes the place of the drawing when it would have too many edges.
	Matrix *matrix
}

type heading struct {
	Text string
	X    int
}

// A node is a box. X and Y are its upper left corner.
type node struct {
	ID            string
	Text, Note    string
	Href          string
	Class         string
	X, Y          int
	Width, Height int
	// order is the wish for a place in the column: the mean place of the
	// neighbours.
	order  float64
	column int
}

// TextY is the base line of the text, and NoteY that of the note below.
func (n *node) TextY() int {
	if n.Note != "" {
		return n.Y + n.Height/2 - 2
	}
	return n.Y + n.Height/2 + 5
}

// NoteY is the base line of the note.
func (n *node) NoteY() int { return n.Y + n.Height/2 + 14 }

// TextX is where the text begins.
func (n *node) TextX() int { return n.X + 14 }

// An edge is a curve from one node's right side to another's left side.
type edge struct {
	From, To       string
	Color          int
	X1, Y1, X2, Y2 int
}

// Bend is how far the curve runs level at its ends.
func (e edge) Bend() int { return (e.X2 - e.X1) / 2 }

// C1 and C2 are the x of the curve's control points.
func (e edge) C1() int { return e.X1 + e.Bend() }

// C2 is the second control point.
func (e edge) C2() int { return e.X2 - e.Bend() }

// A flow is one event, or all of a context, with who publishes and consumes.
type flow struct {
	From  link
	Event link
	To    []link
}

// mostLinks is how many edges a graph has at most.
const mostLinks = 160

// mostEvents is how many events a graph shows one by one; with more, one node
// stands for the events of a context.
const mostEvents = 40

// graphOf draws the events; focus, if not nil, is the context whose page it is
// on.
func graphOf(root base, title string, events []*model.Event, focus *model.Context) *graph {
	b := &graphBuilder{root: root, focus: focus, nodes: map[string]*node{}, colors: map[string]int{}, graph: &graph{Title: title}}
	b.graph.Grouped = len(events) > mostEvents
	for _, e := range events {
		b.event(e)
	}
	if len(b.links) > mostLinks {
		b.graph.Matrix = matrixOf(root, events)
		return b.graph
	}
	b.layout()
	return b.graph
}

type graphBuilder struct {
	root   base
	focus  *model.Context
	graph  *graph
	nodes  map[string]*node
	colors map[string]int
	links  []pair
	// sizes counts the events that a node stands for.
	sizes map[string]int
}

type pair struct{ from, to *node }

func (b *graphBuilder) event(e *model.Event) {
	middle := b.middle(e)
	f := b.flow(e)
	if e.Publisher != nil {
		b.join(b.contextNode("p", e.Publisher, 0), middle)
	}
	for _, c := range consumersOf(e) {
		b.join(middle, b.contextNode("c", c, 2))
		if !slices.ContainsFunc(f.To, func(l link) bool { return l.Name == c.Name }) {
			f.To = append(f.To, b.root.contextLink(c, ""))
		}
	}
}

// middle returns the node of an event, or of all events of its context.
func (b *graphBuilder) middle(e *model.Event) *node {
	if !b.graph.Grouped {
		n := b.node("e-"+e.Topic, 1)
		n.Text, n.Note, n.Href, n.Class = e.GoName, e.Topic, b.root.event(e), "event"
		return n
	}
	n := b.node("g-"+e.Context, 1)
	if b.sizes == nil {
		b.sizes = map[string]int{}
	}
	b.sizes[n.ID]++
	n.Text, n.Class = count(b.sizes[n.ID], "event", "events"), "event"
	n.Note, n.Href = "pl."+e.Context+".…", string(b.root)+"contexts/"+e.Context+".html"
	return n
}

// flow returns the flow of an event, or of its context.
func (b *graphBuilder) flow(e *model.Event) *flow {
	var from link
	if e.Publisher != nil {
		from = b.root.contextLink(e.Publisher, "")
	}
	name := link{Name: e.GoName, Href: b.root.event(e), Note: e.Topic}
	if b.graph.Grouped {
		name = link{Name: "events of " + e.Context, Href: string(b.root) + "contexts/" + e.Context + ".html"}
		for i := range b.graph.Flows {
			if b.graph.Flows[i].Event.Name == name.Name {
				return &b.graph.Flows[i]
			}
		}
	}
	b.graph.Flows = append(b.graph.Flows, flow{From: from, Event: name})
	return &b.graph.Flows[len(b.graph.Flows)-1]
}

func (b *graphBuilder) contextNode(side string, c *model.Context, column int) *node {
	n := b.node(side+"-"+c.Name, column)
	n.Text, n.Href, n.Class = c.Name, b.root.context(c), "context"
	if c == b.focus {
		n.Class = "context here"
	}
	return n
}

func (b *graphBuilder) node(id string, column int) *node {
	if n, ok := b.nodes[id]; ok {
		return n
	}
	n := &node{ID: id, column: column, order: float64(len(b.nodes))}
	b.nodes[id] = n
	b.graph.Nodes = append(b.graph.Nodes, n)
	return n
}

func (b *graphBuilder) join(from, to *node) {
	p := pair{from, to}
	if !slices.Contains(b.links, p) {
		b.links = append(b.links, p)
	}
}

// column returns the nodes of a column in their present order.
func (b *graphBuilder) column(i int) []*node {
	var list []*node
	for _, n := range b.graph.Nodes {
		if n.column == i {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, c *node) int { return cmp.Compare(a.order, c.order) })
	return list
}
