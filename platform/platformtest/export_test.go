package platformtest

// Busy lets tests see what Quiet waits for.
func (h *Harness) Busy() error { return h.busy() }
