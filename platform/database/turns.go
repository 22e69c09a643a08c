package database

import (
	"context"
	"sync"
)

// A Class orders those who wait for the one writer of a database.
type Class int

const (
	// Foreground is a command: somebody waits for it.
	Foreground Class = iota
	// Background is a batch, the relay and housekeeping.
	Background
	classCount
)

// maxStreak is how many commands in a row may pass a waiting batch. It keeps
// batches moving when there are always commands.
const maxStreak = 16

// turns hands the one writer of a database to those who wait, commands first,
// each class in the order of arrival. A nil *turns lets everybody pass.
type turns struct {
	mu      sync.Mutex
	taken   bool
	streak  int
	waiting [classCount][]chan struct{}
}

// take waits for the writer. leave gives it back and may be called once.
func (q *turns) take(ctx context.Context, c Class) (leave func(), err error) {
	if q == nil {
		return func() {}, nil
	}
	turn := q.join(c)
	if turn == nil {
		return q.leave, nil
	}
	select {
	case <-turn:
		return q.leave, nil
	case <-ctx.Done():
		q.giveUp(c, turn)
		return nil, context.Cause(ctx)
	}
}

// join takes the writer when it is free and otherwise returns the channel that
// is closed when it has been handed over.
func (q *turns) join(c Class) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.taken {
		q.taken = true
		return nil
	}
	turn := make(chan struct{})
	q.waiting[c] = append(q.waiting[c], turn)
	return turn
}

// giveUp leaves the queue, and passes the writer on when it has just come.
func (q *turns) giveUp(c Class, turn chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting[c] {
		if w == turn {
			q.waiting[c] = append(q.waiting[c][:i], q.waiting[c][i+1:]...)
			return
		}
	}
	q.pass()
}

func (q *turns) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

func (q *turns) pass() {
	c := q.next()
	if len(q.waiting[c]) == 0 {
		q.taken, q.streak = false, 0
		return
	}
	turn := q.waiting[c][0]
	q.waiting[c] = q.waiting[c][1:]
	close(turn)
}

// next chooses the class whose turn it is.
func (q *turns) next() Class {
	commands, batches := len(q.waiting[Foreground]) > 0, len(q.waiting[Background]) > 0
	if commands && (!batches || q.streak < maxStreak) {
		q.streak++
		return Foreground
	}
	q.streak = 0
	return Background
}
