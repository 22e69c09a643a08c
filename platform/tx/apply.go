package tx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
)

const (
	// maxBatch is how many deliveries share a transaction.
	maxBatch = 1000
	// maxSavepoints is how many deliveries share a transaction when each has a
	// savepoint: PostgreSQL keeps 64 subtransactions in memory.
	maxSavepoints = 32
	// maxReruns is how many failures of one batch are found by running what
	// was before them again, without savepoints.
	maxReruns = 3
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
	clean bool // the handler has not touched the transaction
}

func (f *deliveryFailure) Error() string { return f.err.Error() }

// An item is a delivery on its way through an applier.
type item struct {
	*bus.Delivery
	row     *hold.Row // nil when it comes from the broker
	verdict *verdict  // that it has failed; it is not run again
	call    *Call     // of an external handler that has succeeded
	failed  error     // of one that has not
	passed  bool      // it has succeeded once, in this transaction or in one before
}

func (it *item) key() []byte { return it.Record.Key }

// dropped reports whether a person has given the item up.
func (it *item) dropped() bool { return it.row != nil && it.row.State == hold.Dropped }

// blocks reports whether later records of the item's key wait for it while it
// is held.
func (it *item) blocks() bool {
	if it.row != nil {
		return it.row.Blocks
	}
	return it.key() != nil
}

// An applier takes one batch through one or more transactions.
type applier struct {
	s          *Store
	claim      *bus.Claim
	ledger     *ledger
	consumer   *Consumer
	items      []*item
	done       int
	limit      int  // deliveries in the next transaction
	savepoints bool // whether each has a savepoint
	direct     bool // whether each statement is sent at once
	failures   int  // that were found without savepoints
	conflicts  int  // in a row

	stopped map[string]bool // keys whose held deliveries may not go on, because one of the batch has failed
}

// Apply implements [bus.Store]. It first runs the batch in one transaction
// without savepoints. When a delivery fails there after it has touched the
// transaction, everything is rolled back and runs again without that delivery,
// which is held instead. After a few such failures the rest of the batch runs
// with a savepoint a delivery. After a deadlock or a serialization failure half
// as many run again.
func (s *Store) Apply(ctx context.Context, c *bus.Claim, batch []*bus.Delivery) (done int, err error) {
	a, err := s.applier(ctx, c)
	if err != nil {
		return 0, err
	}
	if err := a.ledger.paused(); err != nil {
		return 0, err
	}
	items := make([]item, len(batch))
	a.items = make([]*item, len(batch))
	for i, d := range batch {
		items[i].Delivery = d
		a.items[i] = &items[i]
	}
	return a.run(ctx)
}

func (s *Store) applier(ctx context.Context, c *bus.Claim) (*applier, error) {
	consumer := s.consumers[c.Consumer]
	if consumer == nil {
		return nil, fmt.Errorf("apply %s: context %s has no such consumer", c.Position, s.service.Context)
	}
	l, err := s.ledger(c)
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", c.Position, err)
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return &applier{s: s, claim: c, ledger: l, consumer: consumer, limit: maxBatch}, nil
}

func (a *applier) run(ctx context.Context) (done int, err error) {
	for _, it := range a.items {
		if it.Err != nil && !it.dropped() {
			it.verdict = &verdict{err: it.Err, outcome: bus.Dead}
		}
	}
	for a.done < len(a.items) && err == nil {
		err = a.step(ctx)
	}
	if err != nil {
		return a.done, fmt.Errorf("apply %s from offset %d: %w", a.claim.Position, a.claim.Next, err)
	}
	return a.done, nil
}

// step runs one transaction and decides what to do after it.
func (a *applier) step(ctx context.Context) error {
	part := a.part()
	n, err := a.transaction(ctx, part)
	a.done += n
	if n > 0 {
		a.conflicts, a.limit = 0, min(2*a.limit, maxBatch)
	}
	switch {
	case err != nil:
		return a.recover(ctx, part, err)
	case a.done < len(a.items) && a.halted():
		return a.ledger.paused()
	}
	return nil
}

// halted reports whether an outage keeps fresh deliveries from running.
func (a *applier) halted() bool { return a.ledger.outage.stops() && a.items[0].row == nil }

// part returns the deliveries of the next transaction.
func (a *applier) part() []*item {
	limit := min(a.limit, a.s.pace.size(a.s.db.Traits().BatchTime), len(a.items)-a.done)
	if a.savepoints {
		limit = min(limit, maxSavepoints)
	}
	if a.consumer.External != nil {
		limit = min(limit, maxCalls)
	}
	if a.ledger.outage.on && a.items[0].row == nil {
		limit = 1 // a probe
	}
	return a.upToOutage(a.items[a.done : a.done+limit])
}

// upToOutage cuts a part behind the last delivery that is known to have failed
// when that was the last one before an outage.
func (a *applier) upToOutage(part []*item) []*item {
	if !a.halted() {
		return part
	}
	for i := len(part) - 1; i > 0; i-- {
		if v := part[i].verdict; v != nil && v.passing() {
			return part[:i+1]
		}
	}
	return part[:1]
}

// transaction runs part under a deadline. It returns how many deliveries it
// has settled, which is all of them or none, unless an outage began.
func (a *applier) transaction(ctx context.Context, part []*item) (int, error) {
	if a.consumer.External != nil {
		if err := a.callOut(ctx, part); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.consumer.Deadline()+batchGrace, errBatchTime)
	defer cancel()
	r := run{applier: a, part: part, now: database.Now(), left: make(chan int, 1), at: -1}
	r.assign()
	if err := r.prepare(ctx); err != nil {
		return 0, err
	}
	return r.try(ctx)
}

// recover decides how to go on after the transaction of part failed with err.
func (a *applier) recover(ctx context.Context, part []*item, err error) error {
	var failed *deliveryFailure
	var queued *database.QueueError
	switch {
	case errors.As(err, &failed):
		return a.blame(failed, part)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, database.ErrCommitUnknown), errors.Is(err, bus.ErrClaimLost), errors.Is(err, hold.ErrChanged):
		return err
	case errors.As(err, &queued) && a.s.db.Classify(err) != database.Conflict:
		a.direct = true // its handler is to see the error
		return nil
	case errors.Is(err, errBatchTime):
		a.direct = true // what waits is to use up its own handler's time
		return a.again(ctx, len(part), err)
	case a.s.db.Classify(err) == database.Conflict:
		return a.again(ctx, len(part), err)
	}
	return err
}

// blame notes the delivery that has failed, or arranges for the next
// transaction to tell.
func (a *applier) blame(f *deliveryFailure, part []*item) error {
	switch {
	case f.index >= 0:
		a.condemn(part[f.index], f.err)
		a.failures++
		a.savepoints = a.savepoints || a.failures >= maxReruns
		return nil
	case len(part) == 1 && part[0].verdict == nil && !part[0].dropped():
		a.condemn(part[0], f.err)
		return nil
	case len(part) == 1:
		return f.err
	}
	a.limit = max(len(part)/2, 1)
	a.savepoints = true
	return nil
}

// pass records that a delivery has succeeded.
func (a *applier) pass(it *item) {
	if it.row == nil && !it.passed {
		a.ledger.outage.passed()
	}
	it.passed = true
}

// condemn records that a delivery has failed.
func (a *applier) condemn(it *item, err error) {
	outcome, after := bus.OutcomeOf(err)
	v := &verdict{err: err, outcome: outcome, after: after}
	it.verdict = v
	if !v.passing() {
		return
	}
	now := database.Now()
	switch {
	case it.row == nil && a.ledger.outage.fresh:
		a.ledger.outage.probed(now)
	case it.row == nil:
		a.ledger.outage.failure(it.key(), it.Record.Offset, now)
	case a.ledger.outage.on:
		v.probe = a.ledger.outage.probed(now)
	}
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
