package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

const (
	// markWithin bounds the transaction that marks events.
	markWithin = leaseTime
	// markFew is how many events are too few for the next transaction to follow
	// at once, and markPause how long others may join them then. Until they are
	// marked a crash means duplicates, not loss.
	markFew   = 100
	markPause = 5 * time.Millisecond
)

// errUnmarked is the result of a transaction that did not come to one.
var errUnmarked = errors.New("the process died at it")

// marks are the events of a shard that the broker has and the outbox does not
// know of. One transaction at a time marks them; meanwhile the shard reads and
// publishes others. Only the shard's goroutine uses it.
type marks struct {
	waiting []outboxRow // for the next transaction
	running []outboxRow // of the transaction that runs
	done    chan error  // gets the result of that; nil when there is none
}

// seqs returns the sequences of all of them.
func (m *marks) seqs() []int64 {
	seqs := make([]int64, 0, len(m.running)+len(m.waiting))
	for _, rows := range [][]outboxRow{m.running, m.waiting} {
		for i := range rows {
			seqs = append(seqs, rows[i].seq)
		}
	}
	return seqs
}

// beginMark marks what waits, unless a transaction is under way. It goes on when
// the shard is to end, so that no more is published twice than has to be.
func (s *shard) beginMark(ctx context.Context) {
	if s.marks.done != nil || len(s.marks.waiting) == 0 {
		return
	}
	rows, done := s.marks.waiting, make(chan error, 1)
	s.marks.running, s.marks.waiting, s.marks.done = rows, nil, done
	go func() {
		err := errUnmarked
		defer func() { done <- err }() // also when a crash ends the goroutine
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), markWithin)
		defer cancel()
		err = s.mark(within, rows)
		if err == nil {
			s.hooks.Step(ctx, bus.RelayMarked)
			if len(rows) < markFew {
				database.Await(ctx, nil, markPause)
			}
		}
	}()
}

// marked takes the result of a transaction and begins the next one. After a
// failure the events count as unpublished, and are read and published again.
func (s *shard) marked(ctx context.Context, err error) error {
	rows := s.marks.running
	if err != nil {
		s.marks = marks{}
		return fmt.Errorf("mark %d events from sequence %d as published: %w", len(rows), rows[0].seq, err)
	}
	s.marks.running, s.marks.done = nil, nil
	s.failures = 0
	s.relayed(s.n, len(rows), time.Since(rows[0].envelope.Time))
	s.beginMark(ctx)
	return nil
}

// catchUp takes the result of a transaction that has ended. When as many events
// wait for the next one as are published at once, it waits for it.
func (s *shard) catchUp(ctx context.Context) error {
	for s.marks.done != nil {
		if len(s.marks.waiting) < relayRows {
			select {
			case err := <-s.marks.done:
				return s.marked(ctx, err)
			default:
				return nil
			}
		}
		if err := s.marked(ctx, <-s.marks.done); err != nil {
			return err
		}
	}
	return nil
}

// settle marks the rest.
func (s *shard) settle(ctx context.Context) {
	for s.marks.done != nil {
		if err := s.marked(ctx, <-s.marks.done); err != nil {
			s.log.WarnContext(ctx, "outbox relay ends and could not mark what it has published; another publishes it again",
				"shard", s.n, "error", err)
		}
	}
}
