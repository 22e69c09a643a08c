package adminserver

import (
	"sync"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// Pauses remembers which positions of a process take no new records, and why.
// It is a [bus.PauseHook]; its zero value knows of none.
type Pauses struct {
	mu  sync.Mutex
	why map[bus.Position]error
}

var _ bus.PauseHook = (*Pauses)(nil)

// Paused implements [bus.PauseHook].
func (p *Pauses) Paused(at bus.Position, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		p.why = map[bus.Position]error{}
	}
	p.why[at] = why
}

// Resumed implements [bus.PauseHook].
func (p *Pauses) Resumed(at bus.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.why, at)
}

func (p *Pauses) of(at bus.Position) string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if why := p.why[at]; why != nil {
		return why.Error()
	}
	return ""
}
