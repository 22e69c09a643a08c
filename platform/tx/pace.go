package tx

import (
	"sync"
	"time"
)

// pace sizes the transactions of batches on an engine with a single writer, so
// that a command waits for one of them only shortly. It follows how long a
// delivery has taken lately.
type pace struct {
	mu   sync.Mutex
	each time.Duration // moving average
}

// size returns how many deliveries fit into the time.
func (p *pace) size(within time.Duration) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if within == 0 || p.each <= 0 {
		return maxBatch
	}
	return min(max(int(within/p.each), 1), maxBatch)
}

// ran records a transaction of n deliveries.
func (p *pace) ran(n int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := took / time.Duration(n)
	if p.each == 0 {
		p.each = last
	}
	p.each += (last - p.each) / 4
}
