package graph

import "slices"

// The measures of a graph, in pixels.
const (
	contextWidth, contextHeight = 168, 36
	eventWidth, eventHeight     = 340, 48
	rowGap                      = 14
	groupGap                    = 26
	columnGap                   = 112
	headingHeight               = 34
	margin                      = 2
	sweeps                      = 6
	edgeColors                  = 6
)

// Layout orders each column so that few edges cross, and places the nodes.
// Events of one producer stay together. Nothing may be added afterwards.
func (g *Graph) Layout() {
	best, fewest := g.orders(), -1
	for range sweeps {
		g.toMeans(Consumers, true)
		g.toMeans(Events, false)
		g.toMeans(Producers, false)
		g.byProducer()
		if n := g.crossings(); fewest < 0 || n < fewest {
			best, fewest = g.orders(), n
		}
	}
	g.restore(best)
	g.swap()
	g.place()
	g.draw()
}

func (g *Graph) orders() []float64 {
	list := make([]float64, len(g.Nodes))
	for i, n := range g.Nodes {
		list[i] = n.order
	}
	return list
}

func (g *Graph) restore(orders []float64) {
	for i, n := range g.Nodes {
		n.order = orders[i]
	}
}

// swap swaps neighbours in every column as long as that leaves fewer edges
// that cross.
func (g *Graph) swap() {
	for better := true; better; {
		better = false
		for column := range 3 {
			for i := range max(0, len(g.column(column))-1) {
				better = g.swapAt(column, i) || better
			}
		}
	}
}

// swapAt swaps a node with the next one, lets the columns to the right follow,
// and takes all of it back when no fewer edges cross.
func (g *Graph) swapAt(column, i int) bool {
	before, crossed := g.orders(), g.crossings()
	list := g.column(column)
	list[i].order, list[i+1].order = list[i+1].order, list[i].order
	g.byProducer()
	if column < Consumers {
		g.toMeans(Consumers, true)
	}
	if g.crossings() < crossed {
		return true
	}
	g.restore(before)
	return false
}

// toMeans moves the nodes of a column to the mean place of their neighbours,
// those to the left or those to the right, and numbers them anew.
func (g *Graph) toMeans(column int, left bool) {
	for _, n := range g.column(column) {
		sum, weight := 0.0, 0.0
		for _, p := range g.links {
			switch {
			case left && p.to == n:
				sum, weight = sum+p.from.order, weight+1
			case !left && p.from == n:
				sum, weight = sum+p.to.order, weight+1
			}
		}
		if weight > 0 {
			n.order = sum / weight
		}
	}
	g.number(column)
}

func (g *Graph) number(column int) {
	for i, n := range g.column(column) {
		n.order = float64(i)
	}
}

// byProducer puts the events of one producer side by side, in the order of the
// producers; each event has one, so none of those edges cross.
func (g *Graph) byProducer() {
	events := g.column(Events)
	for i, n := range events {
		n.order = float64(i)
		if p := g.producer(n); p != nil {
			n.order += p.order * float64(len(events))
		} else {
			n.order += float64(len(events) * len(events))
		}
	}
	g.number(Events)
}

func (g *Graph) producer(n *Node) *Node {
	i := slices.IndexFunc(g.links, func(p pair) bool { return p.to == n })
	if i < 0 {
		return nil
	}
	return g.links[i].from
}

func (g *Graph) crossings() int {
	n := 0
	for i, p := range g.links {
		for _, q := range g.links[:i] {
			if p.from.column == q.from.column && (p.from.order-q.from.order)*(p.to.order-q.to.order) < 0 {
				n++
			}
		}
	}
	return n
}

// place gives every node its corner: events in rows, contexts beside the
// middle of their events.
func (g *Graph) place() {
	y := headingHeight
	var last *Node
	for i, n := range g.column(Events) {
		p := g.producer(n)
		if i > 0 {
			y += rowGap
			if p != last {
				y += groupGap - rowGap
			}
		}
		last = p
		n.X, n.Y, n.Width, n.Height = margin+contextWidth+columnGap, y, eventWidth, eventHeight
		y += eventHeight
	}
	g.Height = y + margin
	g.beside(Producers, margin)
	g.beside(Consumers, margin+contextWidth+2*columnGap+eventWidth)
	g.Width = 2*margin + 2*contextWidth + 2*columnGap + eventWidth
}

// beside places the contexts of a column without overlap, as near to the
// middle of their events as can be.
func (g *Graph) beside(column, x int) {
	free := headingHeight
	list := g.column(column)
	for _, n := range list {
		n.X, n.Width, n.Height = x, contextWidth, contextHeight
		n.Y = max(free, g.middleOf(n)-contextHeight/2)
		free = n.Y + contextHeight + rowGap
	}
	floor := g.Height - margin
	floor = max(floor, len(list)*(contextHeight+rowGap)-rowGap+headingHeight)
	for _, n := range slices.Backward(list) {
		n.Y = min(n.Y, floor-contextHeight)
		floor = n.Y - rowGap
	}
	for _, n := range list {
		g.Height = max(g.Height, n.Y+n.Height+margin)
	}
}

func (g *Graph) middleOf(n *Node) int {
	low, high := 0, 0
	for _, p := range g.links {
		other := p.from
		if p.from == n {
			other = p.to
		} else if p.to != n {
			continue
		}
		at := other.Y + other.Height/2
		if low == 0 || at < low {
			low = at
		}
		high = max(high, at)
	}
	return (low + high) / 2
}

// draw makes the edges, coloured by producer, and the headings.
func (g *Graph) draw() {
	for i, n := range g.column(Producers) {
		g.colors[n.ID] = i % edgeColors
	}
	for _, p := range g.links {
		producer := p.from
		if p.from.column == 1 {
			producer = g.producer(p.from)
		}
		color := 0
		if producer != nil {
			color = g.colors[producer.ID]
		}
		g.Edges = append(g.Edges, Edge{
			From: p.from.ID, To: p.to.ID, Color: color,
			X1: p.from.X + p.from.Width, Y1: p.from.Y + p.from.Height/2, X2: p.to.X - 7, Y2: p.to.Y + p.to.Height/2,
		})
	}
	g.Columns = []Heading{
		{"Publishes", margin}, {"Event", margin + contextWidth + columnGap}, {"Consumes", margin + contextWidth + 2*columnGap + eventWidth},
	}
	slices.SortStableFunc(g.Nodes, func(a, c *Node) int {
		if a.column != c.column {
			return a.column - c.column
		}
		return a.Y - c.Y
	})
}
