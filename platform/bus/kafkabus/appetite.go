package kafkabus

import (
	"context"
)

// A partition has an appetite while less than this is queued for it: what its
// worker does while one fetch is under way.
const (
	appetiteRecords = 1_000
	appetiteBytes   = 256 << 10
)

// awaitAppetite waits until a partition can take more, or ctx ends, or the data
// client is closed. While all have enough, the client keeps what it has
// fetched, and asks the broker for no more: it would only lie in memory. A
// partition that is slower than others does not hold them up; fetching pauses
// for that one alone.
func (m *member) awaitAppetite(ctx context.Context) {
	for !m.hasAppetite() {
		select {
		case <-m.appetite:
		case <-ctx.Done():
			return
		case <-m.data.Context().Done():
			return
		}
	}
}

// hasAppetite is true also while there are no partitions.
func (m *member) hasAppetite() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.parts {
		if p.hasAppetite() {
			return true
		}
	}
	return len(m.parts) == 0
}

func (p *partition) hasAppetite() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hungry()
}

func (p *partition) hungry() bool {
	return p.sought && p.ended == nil && len(p.queue) < appetiteRecords && p.bytes < appetiteBytes
}

// whet tells the poll loop that there may be an appetite.
func (m *member) whet() {
	select {
	case m.appetite <- struct{}{}:
	default:
	}
}
