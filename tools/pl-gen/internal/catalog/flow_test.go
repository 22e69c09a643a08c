package catalog

import (
	"fmt"
	"os"
	"testing"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model/modeltest"
)

func TestTheGraphOfThisRepository(t *testing.T) {
	m := modeltest.Load(t, os.DirFS(top))
	g := flowsOf("", "all", m.Events, nil)
	if len(g.Flows) != len(m.Events) {
		t.Errorf("%d flows for %d events", len(g.Flows), len(m.Events))
	}
	if len(g.Nodes) < len(m.Events) || len(g.Edges) != g.Links() {
		t.Errorf("%d nodes, %d edges", len(g.Nodes), len(g.Edges))
	}
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
	g := flowsOf("", "all", events, nil)
	if g.Matrix == nil || len(g.Matrix.Rows) != 20 || len(g.Matrix.Columns) != 20 {
		t.Fatalf("matrix %+v", g.Matrix)
	}
	if first := g.Matrix.Rows[0].Cells[0]; first.Count != 5 || g.Matrix.Rows[0].Cells[10].Count != 0 {
		t.Errorf("cells %+v", g.Matrix.Rows[0].Cells)
	}
	if g := flowsOf("", "all", events[:60:60], nil); !g.Grouped || len(g.Flows) != 20 {
		t.Errorf("60 events are drawn one by one, or in %d flows", len(g.Flows))
	}
}
