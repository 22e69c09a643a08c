package tx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

const (
	// maxBatch is how many deliveries share a transaction.
	maxBatch = 1000
	// maxSavepoints is how many deliveries share a transaction when each has a
	// savepoint: PostgreSQL keeps 64 subtransactions in memory.
	maxSavepoints = 32
	// maxConflicts is how often in a row a transaction runs again after a
	// conflict before Apply returns it as an error.
	maxConflicts = 20
	// batchGrace is how much longer a batch may take than one delivery.
	batchGrace = 5 * time.Second
)

// errBatchTime ends a transaction whose deliveries are too slow together.
var errBatchTime = errors.New("the deliveries of the batch took too long together")

// A deliveryFailure is the failure of one delivery of a transaction.
type deliveryFailure struct {
	index int // in the transaction; -1 when it could be any of them
	err   error
	ended bool // the failure has ended the transaction
}

func (f *deliveryFailure) Error() string { return f.err.Error() }

// An applier takes one batch through one or more transactions.
type applier struct {
	s          *Store
	claim      *bus.Claim
	consumer   *Consumer
	batch      []*bus.Delivery
	done       int
	limit      int  // deliveries in the next transaction
	savepoints bool // whether each has a savepoint
	direct     bool // whether each statement is sent at once
	conflicts  int  // in a row
}

// Apply implements [bus.Store]. It first runs the batch in one transaction
// without savepoints. When a delivery fails there, the rest of the batch runs
// again with a savepoint each, and those before the failed one are committed.
// After a deadlock or a serialization failure half as many run again.
func (s *Store) Apply(ctx context.Context, c *bus.Claim, batch []*bus.Delivery) (done int, err error) {
	consumer := s.consumers[c.Consumer]
	if consumer == nil {
		return 0, fmt.Errorf("apply %s: context %s has no such consumer", c.Position, s.service.Context)
	}
	if err := s.Start(ctx); err != nil {
		return 0, err
	}
	a := &applier{s: s, claim: c, consumer: consumer, batch: batch, limit: maxBatch}
	for a.done < len(batch) {
		if err := a.step(ctx); err != nil {
			return a.done, a.explain(err)
		}
	}
	return a.done, nil
}

func (a *applier) explain(err error) error {
	var failed *bus.DeliveryError
	if errors.As(err, &failed) {
		return err
	}
	return fmt.Errorf("apply %s from offset %d: %w", a.claim.Position, a.claim.Next, err)
}

// step runs one transaction and decides what to do after it.
func (a *applier) step(ctx context.Context) error {
	if d := a.batch[a.done]; d.Err != nil {
		return &bus.DeliveryError{Index: a.done, Err: d.Err}
	}
	part := a.part()
	n, err := a.transaction(ctx, part)
	a.done += n
	if n > 0 {
		a.conflicts, a.limit = 0, min(2*a.limit, maxBatch)
	}
	if err == nil {
		return nil
	}
	return a.recover(ctx, len(part), n, err)
}

// part returns the deliveries of the next transaction: those that fit, up to
// the first that could not be decoded.
func (a *applier) part() []*bus.Delivery {
	limit := min(a.limit, a.s.pace.size(a.s.db.Traits().BatchTime), len(a.batch)-a.done)
	if a.savepoints {
		limit = min(limit, maxSavepoints)
	}
	part := a.batch[a.done : a.done+limit]
	for i, d := range part {
		if d.Err != nil {
			return part[:i]
		}
	}
	return part
}

// transaction runs part under a deadline. It returns how many deliveries it
// committed, which is all or none without savepoints.
func (a *applier) transaction(ctx context.Context, part []*bus.Delivery) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.consumer.Deadline()+batchGrace, errBatchTime)
	defer cancel()
	r := run{applier: a, part: part, now: database.Now()}
	if err := r.prepare(ctx); err != nil {
		return 0, err
	}
	if a.savepoints {
		return r.careful(ctx)
	}
	return r.fast(ctx)
}

// recover decides how to go on after a transaction of size deliveries, of
// which it committed n, failed with err.
func (a *applier) recover(ctx context.Context, size, n int, err error) error {
	var failed *deliveryFailure
	var queued *database.QueueError
	switch {
	case errors.As(err, &failed):
		return a.blame(failed, size, n)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, database.ErrCommitUnknown), errors.Is(err, bus.ErrClaimLost):
		return err
	case errors.As(err, &queued) && a.s.db.Classify(err) == database.Refused:
		a.direct = true // its handler is to see the error
		return nil
	case errors.Is(err, errBatchTime), a.s.db.Classify(err) == database.Conflict:
		return a.again(ctx, size, err)
	}
	return err
}

// blame finds out which delivery has failed, or arranges for the next
// transaction to tell.
func (a *applier) blame(f *deliveryFailure, size, committed int) error {
	first := f.index == 0 || size == 1 // nothing else can be at fault
	switch {
	case first || committed > 0 || (a.savepoints && f.index > 0 && !f.ended):
		return &bus.DeliveryError{Index: a.done, Err: f.err}
	case f.index < 0:
		a.limit = max(size/2, 1)
	case a.savepoints:
		a.limit = f.index // those before it, which the failure has undone
	}
	a.savepoints = true
	return nil
}

// again runs half as many deliveries after a moment. It is no attempt.
func (a *applier) again(ctx context.Context, size int, err error) error {
	a.conflicts++
	if a.conflicts > maxConflicts {
		return fmt.Errorf("gave up after %d conflicts in a row: %w", a.conflicts, err)
	}
	a.limit = max(size/2, 1)
	return pause(ctx, a.conflicts)
}

// pause waits for a random time that grows with the number of attempts.
func pause(ctx context.Context, attempts int) error {
	most := time.Millisecond << min(attempts, 8)
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
