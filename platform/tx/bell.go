package tx

import "sync"

// A bell wakes the relays of a database. It remembers one ring for each of
// them that is not listening.
type bell struct {
	mu    sync.Mutex
	ropes []chan struct{}
}

// listen returns a channel that gets a value after a ring.
func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	rope := make(chan struct{}, 1)
	b.ropes = append(b.ropes, rope)
	return rope
}

// silence ends listen.
func (b *bell) silence(rope <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range b.ropes {
		if r == rope {
			b.ropes = append(b.ropes[:i], b.ropes[i+1:]...)
			return
		}
	}
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, rope := range b.ropes {
		select {
		case rope <- struct{}{}:
		default:
		}
	}
}
