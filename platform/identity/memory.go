package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxRemembered bounds how many tokens a verifier remembers. Beyond it, it
// forgets all of them, which costs a verification each.
const maxRemembered = 20_000

// A memory holds callers whose tokens were verified, by the token's digest:
// people make many calls with one token, and a signature costs more to verify
// than all the rest of a call's identity. What it holds is worth as much as the
// keys that it was verified with: other keys make it worthless.
type memory struct {
	mu      sync.Mutex
	epoch   uint64
	callers map[[sha256.Size]byte]Caller
}

// recall returns the caller of a token that was verified with the keys of that
// epoch, and has not expired since.
func (m *memory) recall(digest [sha256.Size]byte, epoch uint64) (Caller, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.callers[digest]
	return c, ok && m.epoch == epoch && time.Now().Before(c.Expires.Add(Leeway))
}

// keep remembers a token that was verified with the keys of that epoch, or of
// a later one, which makes it forget the token sooner than it had to.
func (m *memory) keep(digest [sha256.Size]byte, epoch uint64, c Caller) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != epoch || len(m.callers) >= maxRemembered {
		m.epoch, m.callers = epoch, nil
	}
	if m.callers == nil {
		m.callers = map[[sha256.Size]byte]Caller{}
	}
	m.callers[digest] = c
}
