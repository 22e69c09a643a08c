package catalog

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// sound checks that nodes do not overlap, are on the canvas, and that edges
// begin and end at their nodes.
func sound(t interface{ Errorf(string, ...any) }, g *graph) {
	nodes := map[string]*node{}
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
func crossingsOf(g *graph) int {
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

func TestTheGraphOfThisRepository(t *testing.T) {
	m := load(t, os.DirFS(top))
	g := graphOf("", "all", m.Events, nil)
	sound(t, g)
	if len(g.Flows) != len(m.Events) {
		t.Errorf("%d flows for %d events", len(g.Flows), len(m.Events))
	}
	if n := crossingsOf(g); n > 0 {
		t.Errorf("%d edges cross", n)
	}
}

// TestLayout draws random wirings.
func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphOf("", "all", wired(t), nil)
		if g.Matrix != nil {
			return
		}
		sound(t, g)
		again := graphOf("", "all", wiredAgain, nil)
		for i, n := range g.Nodes {
			if *again.Nodes[i] != *n {
				t.Errorf("drawn again, %s is elsewhere", n.ID)
			}
		}
	})
}

// wiredAgain is what wired returned last.
var wiredAgain []*model.Event

func wired(t *rapid.T) []*model.Event {
	var contexts []*model.Context
	for i := range rapid.IntRange(1, 8).Draw(t, "contexts") {
		contexts = append(contexts, &model.Context{Name: fmt.Sprintf("area%d", i)})
	}
	var events []*model.Event
	for i := range rapid.IntRange(0, 60).Draw(t, "events") {
		e := &model.Event{Topic: fmt.Sprintf("pl.a.e%d.v1", i), GoName: fmt.Sprintf("E%d", i), Schema: &avro.Schema{}}
		if rapid.IntRange(0, 9).Draw(t, "published") > 0 {
			e.Publisher = rapid.SampledFrom(contexts).Draw(t, "publisher")
			e.Context = e.Publisher.Name
		}
		for range rapid.IntRange(0, 3).Draw(t, "consumers") {
			e.Consumers = append(e.Consumers, &model.Consumer{Context: rapid.SampledFrom(contexts).Draw(t, "consumer"), Event: e})
		}
		events = append(events, e)
	}
	wiredAgain = events
	return events
}

func TestDenseGraphs(t *testing.T) {
	contexts := make([]*model.Context, 20)
	for i := range contexts {
		contexts[i] = &model.Context{Name: fmt.Sprintf("area%02d", i)}
	}
	var events []*model.Event
	for i := range 100 {
		e := &model.Event{Topic: fmt.Sprintf("pl.x.e%d.v1", i), Publisher: contexts[i%20], Context: contexts[i%20].Name, Schema: &avro.Schema{}}
		for j := range 10 {
			e.Consumers = append(e.Consumers, &model.Consumer{Context: contexts[(i+j)%20], Event: e})
		}
		events = append(events, e)
	}
	g := graphOf("", "all", events, nil)
	if g.Matrix == nil || len(g.Matrix.Rows) != 20 || len(g.Matrix.Columns) != 20 {
		t.Fatalf("matrix %+v", g.Matrix)
	}
	if first := g.Matrix.Rows[0].Cells[0]; first.Count != 5 || g.Matrix.Rows[0].Cells[10].Count != 0 {
		t.Errorf("cells %+v", g.Matrix.Rows[0].Cells)
	}
	if g := graphOf("", "all", events[:60:60], nil); !g.Grouped || len(g.Flows) != 20 {
		t.Errorf("60 events are drawn one by one, or in %d flows", len(g.Flows))
	}
}
