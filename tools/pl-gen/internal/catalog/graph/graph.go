// Package graph places producers, events and consumers in three columns, so
// that few of the edges between them cross. It knows nothing of what the nodes
// are; the same nodes and edges, added in the same order, give the same
// drawing.
package graph

import (
	"cmp"
	"slices"
)

// The columns of a graph. Edges lead from one to the next.
const (
	Producers = iota
	Events
	Consumers
)

// A Graph is ready to draw after Layout. The zero Graph is empty.
type Graph struct {
	// Width and Height are of the canvas, in pixels.
	Width, Height int
	Columns       []Heading
	// Nodes are column by column, from the top.
	Nodes []*Node
	Edges []Edge

	nodes  map[string]*Node
	links  []pair
	colors map[string]int
}

// A Heading stands above a column.
type Heading struct {
	Text string
	X    int
}

// A Node is a box. X and Y are its upper left corner.
type Node struct {
	ID string
	// Note is a second line, or "".
	Text, Note    string
	Href, Class   string
	X, Y          int
	Width, Height int
	// order is the wish for a place in the column: the mean place of the
	// neighbours.
	order  float64
	column int
}

// TextX is where the text begins.
func (n *Node) TextX() int { return n.X + 14 }

// TextY is the base line of the text.
func (n *Node) TextY() int {
	if n.Note != "" {
		return n.Y + n.Height/2 - 2
	}
	return n.Y + n.Height/2 + 5
}

// NoteY is the base line of the note.
func (n *Node) NoteY() int { return n.Y + n.Height/2 + 14 }

// An Edge is a curve from one node's right side to another's left side. Color
// is that of the producer, from 0 to 5.
type Edge struct {
	From, To       string
	Color          int
	X1, Y1, X2, Y2 int
}

// C1 is the x of the curve's first control point.
func (e Edge) C1() int { return e.X1 + (e.X2-e.X1)/2 }

// C2 is the x of the curve's second control point.
func (e Edge) C2() int { return e.X2 - (e.X2-e.X1)/2 }

type pair struct{ from, to *Node }

// Node returns the node of that id, adding it to a column when it is new.
func (g *Graph) Node(column int, id string) *Node {
	if n, ok := g.nodes[id]; ok {
		return n
	}
	if g.nodes == nil {
		g.nodes, g.colors = map[string]*Node{}, map[string]int{}
	}
	n := &Node{ID: id, column: column, order: float64(len(g.nodes))}
	g.nodes[id] = n
	g.Nodes = append(g.Nodes, n)
	return n
}

// Join adds an edge between nodes of neighbouring columns, once.
func (g *Graph) Join(from, to *Node) {
	if p := (pair{from, to}); !slices.Contains(g.links, p) {
		g.links = append(g.links, p)
	}
}

// Links counts the edges.
func (g *Graph) Links() int { return len(g.links) }

// column returns the nodes of a column in their present order.
func (g *Graph) column(i int) []*Node {
	var list []*Node
	for _, n := range g.Nodes {
		if n.column == i {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *Node) int { return cmp.Compare(a.order, b.order) })
	return list
}
