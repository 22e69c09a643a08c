package database

import (
	"context"
	"sync"
	"time"
)

// A bell wakes those who wait for news in a database. It remembers one ring for each of
// them that is not listening.
type bell struct {
	mu    sync.Mutex
	ropes []chan struct{}
}

// Listen returns a channel that gets a value after a ring. stop ends it.
func (db *DB) Listen() (woken <-chan struct{}, stop func()) {
	rope := db.bell.listen()
	return rope, func() { db.bell.silence(rope) }
}

// Ring tells everybody who listens that there is something new in the
// database. It never waits.
func (db *DB) Ring() { db.bell.ring() }

func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	rope := make(chan struct{}, 1)
	b.ropes = append(b.ropes, rope)
	return rope
}

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

// Await waits until there is a ring, poll has passed or ctx has ended. woken
// comes from [DB.Listen]; nil never rings.
func Await(ctx context.Context, woken <-chan struct{}, poll time.Duration) {
	t := time.NewTimer(poll)
	defer t.Stop()
	select {
	case <-woken:
	case <-t.C:
	case <-ctx.Done():
	}
}
