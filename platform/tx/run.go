package tx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A lane is what a transaction does with a delivery.
type lane int

const (
	runs      lane = iota // its handler runs
	repeats               // the inbox knows its event
	holds                 // it has failed
	queues                // it waits behind a held delivery of its key
	drops                 // a person has given it up
	discarded             // that, and the inbox did not know its event
)

// A run is one transaction of an applier.
type run struct {
	*applier
	part  []*item
	lanes []lane // of the part
	now   time.Time
	today database.Day
	facts []fact // of the part
	noted []bool // of the part: the inbox has got the fact from here
	u     *database.Unit
	began time.Time // when the writer's turn came
	out   []outbox.Event
	left  chan int // gets the delivery whose handler is abandoned
	at    int      // the delivery whose handler is running, or -1
	ended int      // deliveries that the transaction settles; see careful
}

// assign chooses each delivery's lane. It is called again when one has failed.
func (r *run) assign() {
	if r.lanes == nil {
		r.lanes = make([]lane, len(r.part))
	}
	blocked := maps.Clone(r.stopped)
	if blocked == nil {
		blocked = make(map[string]bool)
	}
	for i, it := range r.part {
		switch {
		case r.lanes[i] == repeats || r.lanes[i] == discarded:
			continue
		case it.dropped():
			r.lanes[i] = drops
		case r.behind(it, blocked):
			r.lanes[i] = queues
		case it.verdict != nil:
			r.lanes[i] = holds
			if it.blocks() && r.stays(it) {
				blocked[string(it.key())] = true
			}
		}
	}
}

// behind reports whether a delivery has to wait for another one of its key.
func (r *run) behind(it *item, blocked map[string]bool) bool {
	if !it.blocks() || !keepsOrder {
		return false
	}
	return blocked[string(it.key())] || it.row == nil && r.ledger.blocked(it.key())
}

// stays reports whether a failed delivery goes on blocking its key.
func (r *run) stays(it *item) bool {
	row := r.rowOf(it)
	sentence(&row, it.verdict, &r.consumer.Route, r.now)
	return row.Blocks
}

// active reports whether the inbox is asked for a delivery.
func (l lane) active() bool { return l == runs || l == drops }

// prepare does what must be done before the transaction is open.
func (r *run) prepare(ctx context.Context) (err error) {
	if r.today, err = outbox.Prepare(ctx, r.s.db, r.now); err != nil {
		return err
	}
	r.facts, err = r.prepareInbox(ctx)
	return err
}

// try runs the part and returns how many deliveries it has settled.
func (r *run) try(ctx context.Context) (settled int, err error) {
	if err := r.open(ctx); err != nil {
		return 0, err
	}
	abandoned := false
	defer func() {
		if abandoned {
			return // a statement of the handler may be in the way
		}
		r.u.Rollback()
		if settled == 0 {
			r.rolledBack(ctx)
		}
	}()
	r.ended = len(r.part)
	body := r.fast
	if r.savepoints {
		body = r.careful
	}
	abandoned, err = r.apart(ctx, body)
	if err != nil {
		return 0, err
	}
	return r.close(ctx, r.ended)
}

// open begins the transaction and moves the position to the end of the part.
func (r *run) open(ctx context.Context) (err error) {
	if r.u, err = r.s.db.Begin(ctx, database.Background); err != nil {
		return err
	}
	r.began = time.Now()
	opened := false
	defer func() {
		if !opened {
			r.u.Rollback()
		}
	}()
	r.s.hooks.Step(ctx, bus.ConsumeOpened)
	if err := fence(ctx, r.u, r.claim, r.after(len(r.part))); err != nil {
		return err
	}
	r.s.hooks.Step(ctx, bus.ConsumeFenced)
	opened = true
	return nil
}

// after returns the position behind the first n deliveries. Held ones leave it
// where it is.
func (r *run) after(n int) int64 {
	if r.part[0].row != nil {
		return r.claim.Next
	}
	return r.part[n-1].Record.Offset + 1
}

// fast runs the part without savepoints: one statement for the inbox, then the
// handlers. One that fails before it has touched the transaction is held, and
// the rest goes on; any other failure ends the transaction.
func (r *run) fast(ctx context.Context) error {
	if err := r.admit(ctx, 0, len(r.part)); err != nil {
		return r.timed(ctx, err)
	}
	r.s.hooks.Step(ctx, bus.ConsumeAdmitted)
	for i := 0; i < r.ended; i++ {
		if r.lanes[i] != runs {
			continue
		}
		out, err := r.deliver(ctx, i)
		var failed *deliveryFailure
		switch {
		case err == nil:
			r.out = append(r.out, out...)
		case errors.As(err, &failed) && failed.clean:
			if err := r.spare(ctx, failed); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

// spare keeps the transaction although a delivery of it has failed.
func (r *run) spare(ctx context.Context, f *deliveryFailure) error {
	r.condemn(r.part[f.index], f.err)
	r.assign()
	if r.halted() {
		return r.cut(ctx, f.index+1)
	}
	return nil
}

// admit asks the inbox for the deliveries from one to another.
func (r *run) admit(ctx context.Context, from, to int) error {
	var facts []fact
	for i := from; i < to; i++ {
		if r.lanes[i].active() && r.facts[i] != (fact{}) {
			facts = append(facts, r.facts[i])
		}
	}
	if len(facts) == 0 {
		return nil
	}
	admitted, err := r.s.admit(ctx, r.u, r.consumer.Consumer, facts)
	if err != nil {
		return err
	}
	if r.noted == nil {
		r.noted = make([]bool, len(r.part))
	}
	for i := from; i < to; i++ {
		if !r.lanes[i].active() || r.facts[i] == (fact{}) {
			continue
		}
		r.noted[i] = admitted[0]
		switch fresh := admitted[0]; {
		case r.lanes[i] == drops && fresh:
			r.lanes[i] = discarded
		case !fresh:
			r.lanes[i] = repeats
		}
		admitted = admitted[1:]
	}
	return nil
}

// careful runs the part with a savepoint for each delivery. One that fails is
// undone and held, and the rest goes on, unless an outage begins with it.
func (r *run) careful(ctx context.Context) error {
	for i := range r.part {
		if !r.lanes[i].active() {
			continue
		}
		err := r.isolated(ctx, i)
		if err == nil {
			continue
		}
		var failed *deliveryFailure
		if !errors.As(err, &failed) || failed.ended {
			return err
		}
		if err := r.undo(ctx); err != nil {
			return r.timed(ctx, err)
		}
		r.noted[i] = false
		if err := r.spare(ctx, failed); err != nil || r.ended < len(r.part) {
			return err
		}
	}
	return nil
}

// undo takes back what was done since the savepoint.
func (r *run) undo(ctx context.Context) error {
	for _, statement := range []string{"ROLLBACK TO SAVEPOINT pl_delivery", "RELEASE SAVEPOINT pl_delivery"} {
		if _, err := r.u.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// cut makes the transaction settle only the first n deliveries.
func (r *run) cut(ctx context.Context, n int) error {
	moved := *r.claim
	moved.Next = r.after(len(r.part))
	r.ended = n
	if err := fence(ctx, r.u, &moved, r.after(n)); err != nil {
		return r.timed(ctx, err)
	}
	return nil
}

// isolated runs one delivery between its savepoint and its release.
func (r *run) isolated(ctx context.Context, i int) error {
	if _, err := r.u.ExecContext(ctx, "SAVEPOINT pl_delivery"); err != nil {
		return r.timed(ctx, err)
	}
	if err := r.admit(ctx, i, i+1); err != nil {
		return r.timed(ctx, err)
	}
	var out []outbox.Event
	if r.lanes[i] == runs {
		var err error
		if out, err = r.deliver(ctx, i); err != nil {
			return err
		}
	}
	if _, err := r.u.ExecContext(ctx, "RELEASE SAVEPOINT pl_delivery"); err != nil {
		return r.judge(ctx, ctx, i, err, err)
	}
	r.out = append(r.out, out...)
	return nil
}

// close writes the hold and the outbox, and commits the first n deliveries.
func (r *run) close(ctx context.Context, n int) (int, error) {
	r.s.hooks.Step(ctx, bus.ConsumeHandled)
	if err := r.retract(ctx); err != nil {
		return 0, r.timed(ctx, err)
	}
	s, err := r.settle(ctx, n)
	if err != nil {
		return 0, r.timed(ctx, err)
	}
	if err := outbox.Insert(ctx, r.s.db, r.u, r.today, r.out); err != nil {
		return 0, r.timed(ctx, err)
	}
	if err := r.u.Flush(ctx); err != nil {
		return 0, r.timed(ctx, err)
	}
	r.s.hooks.Step(ctx, bus.ConsumeStored)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := r.u.Commit(); err != nil {
		if r.s.db.Classify(err) != database.Refused {
			return 0, err // no delivery's fault
		}
		return 0, &deliveryFailure{index: -1, err: err, ended: true}
	}
	r.s.hooks.Step(ctx, bus.ConsumeCommitted)
	r.claim.Next = r.after(n)
	r.s.pace.ran(n, time.Since(r.began))
	if len(r.out) > 0 {
		r.s.db.Ring()
	}
	s.committed()
	return n, nil
}

// judge decides what the failure of delivery i means: err is what the handler
// returned, failed what went wrong in its transaction.
func (r *run) judge(ctx, handling context.Context, i int, err, failed error) error {
	ended := r.u.Ended()
	var queued *database.QueueError
	late := errors.As(errors.Join(err, failed), &queued) // a statement that had waited
	switch {
	case late && queued.Owner != i && ctx.Err() == nil:
		return queued
	case errors.Is(context.Cause(handling), errHandlerTime):
		err = errors.Join(fmt.Errorf("%w (%v): %w", errHandlerTime, r.consumer.Deadline(), handling.Err()), err)
		return &deliveryFailure{index: i, err: err, ended: true}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case late:
		return queued
	case isContext(failed):
		ended = true // the handler gave up a statement, and with it perhaps the connection
	case failed != nil && r.lost(failed):
		return failed
	}
	return &deliveryFailure{index: i, err: cmp.Or(err, failed), ended: ended}
}

// lost reports whether a statement failed with the connection, or because of
// another transaction.
func (r *run) lost(err error) bool {
	fault := r.s.db.Classify(err)
	return fault == database.Unreachable || fault == database.Conflict
}

// timed returns the cause of the transaction's end instead of the error of the
// statement that it interrupted.
func (r *run) timed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
