package catalog

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

// layout orders each column so that few edges cross, and places the nodes.
// Events of one producer stay together.
func (b *graphBuilder) layout() {
	best, fewest := b.orders(), -1
	for range sweeps {
		b.toMeans(2, true)
		b.toMeans(1, false)
		b.toMeans(0, false)
		b.byProducer()
		if n := b.crossings(); fewest < 0 || n < fewest {
			best, fewest = b.orders(), n
		}
	}
	b.restore(best)
	b.swapProducers()
	b.place()
	b.draw()
}

func (b *graphBuilder) orders() []float64 {
	list := make([]float64, len(b.graph.Nodes))
	for i, n := range b.graph.Nodes {
		list[i] = n.order
	}
	return list
}

func (b *graphBuilder) restore(orders []float64) {
	for i, n := range b.graph.Nodes {
		n.order = orders[i]
	}
}

// swapProducers swaps neighbours among the producers as long as that leaves
// fewer edges that cross.
func (b *graphBuilder) swapProducers() {
	for better := true; better; {
		better = false
		for i := range max(0, len(b.column(0))-1) {
			before, fewest := b.orders(), b.crossings()
			producers := b.column(0)
			producers[i].order, producers[i+1].order = producers[i+1].order, producers[i].order
			b.byProducer()
			b.toMeans(2, true)
			if b.crossings() < fewest {
				better = true
			} else {
				b.restore(before)
			}
		}
	}
}

// toMeans moves the nodes of a column to the mean place of their neighbours,
// those to the left or those to the right, and numbers them anew.
func (b *graphBuilder) toMeans(column int, left bool) {
	for _, n := range b.column(column) {
		sum, weight := 0.0, 0.0
		for _, p := range b.links {
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
	b.number(column)
}

func (b *graphBuilder) number(column int) {
	for i, n := range b.column(column) {
		n.order = float64(i)
	}
}

// byProducer puts the events of one producer side by side, in the order of the
// producers; each event has one, so none of those edges cross.
func (b *graphBuilder) byProducer() {
	events := b.column(1)
	for i, n := range events {
		n.order = float64(i)
		if p := b.producer(n); p != nil {
			n.order += p.order * float64(len(events))
		} else {
			n.order += float64(len(events) * len(events))
		}
	}
	b.number(1)
}

func (b *graphBuilder) producer(n *node) *node {
	i := slices.IndexFunc(b.links, func(p pair) bool { return p.to == n })
	if i < 0 {
		return nil
	}
	return b.links[i].from
}

func (b *graphBuilder) crossings() int {
	n := 0
	for i, p := range b.links {
		for _, q := range b.links[:i] {
			if p.from.column == q.from.column && (p.from.order-q.from.order)*(p.to.order-q.to.order) < 0 {
				n++
			}
		}
	}
	return n
}

// place gives every node its corner: events in rows, contexts beside the
// middle of their events.
func (b *graphBuilder) place() {
	y := headingHeight
	var last *node
	for i, n := range b.column(1) {
		p := b.producer(n)
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
	b.graph.Height = y + margin
	b.beside(0, margin)
	b.beside(2, margin+contextWidth+2*columnGap+eventWidth)
	b.graph.Width = 2*margin + 2*contextWidth + 2*columnGap + eventWidth
}

// beside places the contexts of a column without overlap, as near to the
// middle of their events as can be.
func (b *graphBuilder) beside(column, x int) {
	free := headingHeight
	list := b.column(column)
	for _, n := range list {
		n.X, n.Width, n.Height = x, contextWidth, contextHeight
		n.Y = max(free, b.middleOf(n)-contextHeight/2)
		free = n.Y + contextHeight + rowGap
	}
	floor := b.graph.Height - margin
	floor = max(floor, len(list)*(contextHeight+rowGap)-rowGap+headingHeight)
	for _, n := range slices.Backward(list) {
		n.Y = min(n.Y, floor-contextHeight)
		floor = n.Y - rowGap
	}
	for _, n := range list {
		b.graph.Height = max(b.graph.Height, n.Y+n.Height+margin)
	}
}

func (b *graphBuilder) middleOf(n *node) int {
	low, high := 0, 0
	for _, p := range b.links {
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
func (b *graphBuilder) draw() {
	for i, n := range b.column(0) {
		b.colors[n.ID] = i % edgeColors
	}
	for _, p := range b.links {
		producer := p.from
		if p.from.column == 1 {
			producer = b.producer(p.from)
		}
		color := 0
		if producer != nil {
			color = b.colors[producer.ID]
		}
		b.graph.Edges = append(b.graph.Edges, edge{
			From: p.from.ID, To: p.to.ID, Color: color,
			X1: p.from.X + p.from.Width, Y1: p.from.Y + p.from.Height/2, X2: p.to.X - 7, Y2: p.to.Y + p.to.Height/2,
		})
	}
	b.graph.Columns = []heading{
		{"Publishes", margin}, {"Event", margin + contextWidth + columnGap}, {"Consumes", margin + contextWidth + 2*columnGap + eventWidth},
	}
	slices.SortStableFunc(b.graph.Nodes, func(a, c *node) int {
		if a.column != c.column {
			return a.column - c.column
		}
		return a.Y - c.Y
	})
}
