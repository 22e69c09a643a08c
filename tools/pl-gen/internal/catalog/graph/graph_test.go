package graph

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// sound checks that nodes do not overlap, are on the canvas, and that edges
// begin and end at their nodes.
func sound(t interface{ Errorf(string, ...any) }, g *Graph) {
	nodes := map[string]*Node{}
	for i, n := range g.Nodes {
		nodes[n.ID] = n
		if n.X < 0 || n.Y < 0 || n.X+n.Width > g.Width || n.Y+n.Height > g.Height {
			t.Errorf("%s at %d,%d is off the canvas of %d,%d", n.ID, n.X, n.Y, g.Width, g.Height)
		}
		for _, o := range g.Nodes[:i] {
			if n.X < o.X+o.Width && o.X < n.X+n.Width && n.Y < o.Y+o.Height && o.Y < n.Y+n.Height {
				t.Errorf("%s and %s overlap", n.ID, o.ID)
			}
		}
	}
	for _, e := range g.Edges {
		from, to := nodes[e.From], nodes[e.To]
		if from == nil || to == nil {
			t.Errorf("an edge from %s to %s leads nowhere", e.From, e.To)
			continue
		}
		if e.X1 != from.X+from.Width || e.Y1 <= from.Y || e.Y1 >= from.Y+from.Height || e.X2 >= to.X || e.Y2 <= to.Y || e.Y2 >= to.Y+to.Height {
			t.Errorf("the edge %+v does not touch its nodes", e)
		}
	}
}

// crossingsOf counts the edges of a drawing that cross.
func crossingsOf(g *Graph) int {
	n := 0
	for i, a := range g.Edges {
		for _, b := range g.Edges[:i] {
			if a.X1 == b.X1 && (a.Y1-b.Y1)*(a.Y2-b.Y2) < 0 {
				n++
			}
		}
	}
	return n
}

// TestLayout draws random wirings.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(anEvent), 0, 40).Draw(t, "events")
		g, again := drawn(events), drawn(events)
		sound(t, g)
		for i, n := range g.Nodes {
			if *again.Nodes[i] != *n {
				t.Errorf("drawn again, %s is elsewhere", n.ID)
			}
		}
	})
}

// A wiring is the producer of an event, or -1, and its consumers.
type wiring struct {
	producer  int
	consumers []int
}

func anEvent(t *rapid.T) wiring {
	return wiring{rapid.IntRange(-1, 7).Draw(t, "producer"), rapid.SliceOfN(rapid.IntRange(0, 12), 0, 3).Draw(t, "consumers")}
}

func drawn(events []wiring) *Graph {
	g := &Graph{}
	for i, e := range events {
		n := g.Node(Events, fmt.Sprintf("e%d", i))
		if e.producer >= 0 {
			g.Join(g.Node(Producers, fmt.Sprintf("p%d", e.producer)), n)
		}
		for _, c := range e.consumers {
			g.Join(n, g.Node(Consumers, fmt.Sprintf("c%d", c)))
		}
	}
	g.Layout()
	return g
}

// TestOrder checks wirings that can be drawn without crossings.
func TestOrder(t *testing.T) {
	for name, events := range map[string][]wiring{
		"straight": {{0, []int{0}}, {1, []int{1}}, {2, []int{2}}},
		"reversed": {{0, []int{2}}, {1, []int{1}}, {2, []int{0}}},
		"shared":   {{0, []int{0}}, {1, []int{1}}, {1, nil}, {2, []int{0}}, {2, nil}, {3, []int{2}}, {4, nil}},
		"fan":      {{0, []int{0, 1, 2}}, {0, []int{2}}, {0, []int{0}}},
	} {
		g := drawn(events)
		if n := crossingsOf(g); n > 0 {
			t.Errorf("%s: %d edges cross", name, n)
		}
	}
}
