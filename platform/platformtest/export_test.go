package platformtest

// Busy lets tests see what Quiet waits for.
func (h *Harness) Busy() error { return h.busy() }

// Copies returns how many records a topic of dead letters has.
func (h *Harness) Copies(topic string) int { return len(h.records(topic)) }
