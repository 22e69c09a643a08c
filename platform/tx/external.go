package tx

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

const (
	// maxCalls is how many deliveries of an external handler share a
	// transaction; those that have run when a process dies run again.
	maxCalls = 32
	// concurrentCalls is how many external handlers of a batch run at the same
	// time, each for another key.
	concurrentCalls = 8
)

// callOut runs the external handlers of a part: different keys at the same
// time, each key in its order. What the inbox knows is not run again. In the
// end every delivery of the part has its call or its verdict, unless it is
// known, or waits behind one that has failed.
func (a *applier) callOut(ctx context.Context, part []*item) error {
	r := run{applier: a, part: part, now: database.Now()}
	for {
		r.assign()
		known, err := r.known(ctx)
		if err != nil {
			return err
		}
		groups := r.groups(known)
		if len(groups) == 0 {
			return nil
		}
		if err := a.callGroups(ctx, groups); err != nil {
			return err
		}
	}
}

func (a *applier) callGroups(ctx context.Context, groups [][]*item) error {
	slots := make(chan struct{}, concurrentCalls)
	var running sync.WaitGroup
	for _, group := range groups {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			a.callInOrder(ctx, group)
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, group := range groups {
		a.judgeCalls(group)
	}
	return nil
}

// groups returns the deliveries that have to run by key, each key's in their
// order.
func (r *run) groups(known map[fact]bool) (groups [][]*item) {
	for i, it := range r.part {
		if it.call != nil {
			known[r.facts[i]] = true
		}
	}
	place := make(map[string]int)
	for i, it := range r.part {
		if r.lanes[i] != runs || it.call != nil || known[r.facts[i]] {
			continue
		}
		known[r.facts[i]] = true // the first of several that are the same
		n, found := place[string(it.key())]
		if !it.blocks() || !found {
			n = len(groups)
			groups = append(groups, nil)
		}
		if it.blocks() {
			place[string(it.key())] = n
		}
		groups[n] = append(groups[n], it)
	}
	return groups
}

// known returns which of the facts the inbox has.
func (r *run) known(ctx context.Context) (map[fact]bool, error) {
	facts, err := r.prepareInbox(ctx)
	if err != nil {
		return nil, err
	}
	r.facts = facts
	found := make(map[fact]bool)
	for day, hashes := range byDay(facts) {
		among, args := r.s.db.Among(3, hashes)
		err = database.Each(ctx, r.s.db.Reading(), `SELECT hash FROM pl_inbox WHERE consumer = $1 AND day = $2 AND hash `+among,
			append([]any{r.consumer.Consumer, int64(day)}, args...), func(rows *sql.Rows) error {
				f := fact{day: day}
				var hash sql.RawBytes
				err := rows.Scan(&hash)
				copy(f.hash[:], hash)
				found[f] = true
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("read the inbox: %w", err)
		}
	}
	return found, nil
}

// callInOrder runs handlers until one fails.
func (a *applier) callInOrder(ctx context.Context, group []*item) {
	for _, it := range group {
		call := newCall(idempotencyKey(it.Delivery), database.Now())
		err := a.callOne(ctx, it, call)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			it.failed = err
			return
		}
		it.call = call
	}
}

// callOne runs one handler, and gives it up when it does not return.
func (a *applier) callOne(ctx context.Context, it *item, call *Call) error {
	timeout := a.consumer.Deadline()
	ctx, cancel := context.WithTimeoutCause(bus.WithDelivery(ctx, it.Delivery), timeout, errHandlerTime)
	defer cancel()
	var w watch
	done := make(chan error, 1)
	go func() {
		err := errExit
		defer func() {
			if !w.returned() {
				a.s.stuck.Add(-1)
			}
			done <- err
		}()
		err = a.s.observed(ctx, it.Delivery, func(ctx context.Context) error {
			m, err := it.Take(ctx)
			if err != nil {
				return err
			}
			return a.consumer.External(ctx, call, m)
		})
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(returnGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
	}
	if !w.abandon() {
		return <-done
	}
	a.s.abandon(it.Delivery, timeout)
	return fmt.Errorf("%w (timeout %v)", errStuck, timeout)
}

// judgeCalls says what has become of a group's deliveries.
func (a *applier) judgeCalls(group []*item) {
	for _, it := range group {
		switch {
		case it.failed != nil:
			a.condemn(it, it.failed)
		case it.call != nil:
			a.pass(it)
		}
	}
}

// idempotencyKey is the same for every run of a consumer for an event.
func idempotencyKey(d *bus.Delivery) string {
	f := factText(d)
	sum := sha256.Sum256(append(append([]byte(d.Consumer), 0), f...))
	return hex.EncodeToString(sum[:16])
}
