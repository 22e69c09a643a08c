package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A matrix says how many events of which context (rows) each other one
// consumes (columns). It stands for a graph with too many edges to follow.
type matrix struct {
	Columns []link
	Rows    []matrixRow
}

type matrixRow struct {
	link
	Cells []cell
}

// A cell counts the events that one context consumes of another.
type cell struct {
	Count int
	Title string
}

func matrixOf(root base, events []*model.Event) *matrix {
	counts := map[[2]string]int{}
	rows, columns := map[string]link{}, map[string]link{}
	for _, e := range events {
		for _, c := range consumersOf(e) {
			counts[[2]string{e.Context, c.Name}]++
			rows[e.Context] = link{Name: e.Context, Href: string(root) + "contexts/" + e.Context + ".html"}
			columns[c.Name] = root.contextLink(c, "")
		}
	}
	m := &matrix{Columns: byName(columns)}
	for _, from := range byName(rows) {
		row := matrixRow{link: from}
		for _, to := range m.Columns {
			n := counts[[2]string{from.Name, to.Name}]
			row.Cells = append(row.Cells, cell{n, fmt.Sprintf("%s consumes %s of %s", to.Name, count(n, "event", "events"), from.Name)})
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// consumersOf are the contexts that consume an event, each once.
func consumersOf(e *model.Event) []*model.Context {
	var list []*model.Context
	for _, r := range readersOf(e) {
		if !slices.Contains(list, r.context) {
			list = append(list, r.context)
		}
	}
	return list
}

// A reader is whatever reads an event in a context.
type reader struct {
	context *model.Context
	// name is the handler's or "saga" and the saga's; timeout is how long one
	// event may take.
	name    string
	timeout time.Duration
}

// readersOf returns the handlers and sagas that consume an event.
func readersOf(e *model.Event) []reader {
	var list []reader
	for _, c := range e.Consumers {
		list = append(list, reader{c.Context, c.Handler, c.Timeout})
	}
	for _, s := range e.Sagas {
		list = append(list, reader{s.Context, "saga " + s.Name, 10 * time.Second})
	}
	return list
}

// consumed returns the events that a context consumes, each once.
func consumed(c *model.Context) []*model.Event {
	var list []*model.Event
	for _, k := range c.Consumes {
		list = append(list, k.Event)
	}
	for _, s := range c.Sagas {
		for _, e := range s.Consumes() {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	return list
}

func byName(links map[string]link) []link {
	list := make([]link, 0, len(links))
	for _, l := range links {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b link) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
