package platformtest

import (
	"errors"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// quietWithin is how long, in virtual time, a cascade may take.
const quietWithin = time.Minute

// Quiet waits until nothing is left to do: every outbox is published, every
// consumer has gone through all that its topics have, nothing that failed will
// run again by itself, and every saga is at its end or waits for an event or a
// person; dead letters are at rest. A cascade that has not
// come to rest after a minute of virtual time ends the test and says what is in
// the way, for example a handler that fails; let more time pass before with
// [Harness.Advance].
func (h *Harness) Quiet() {
	h.T.Helper()
	deadline := time.Now().Add(quietWithin)
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		synctest.Wait()
		h.revive()
		busy := h.busy()
		if busy == nil {
			return
		}
		if time.Now().After(deadline) {
			h.T.Fatalf("no rest after %s: %v\n%s", quietWithin, busy, h.log.lastWarnings())
		}
		time.Sleep(pause)
	}
}

// busy says what is still to be done. Outboxes are looked at first: what they
// publish afterwards is seen as a consumer's lag.
func (h *Harness) busy() error {
	h.T.Helper()
	var errs []error
	for name, db := range h.dbs {
		left, err := outbox.Unpublished(h.T.Context(), db)
		h.must("read the outbox of "+name, err)
		if left > 0 {
			errs = append(errs, fmt.Errorf("%s has %d events to publish", name, left))
		}
	}
	errs = append(errs, h.moving()...)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return h.lag()
}

// lag says which consumers have not applied all that their topics hold.
func (h *Harness) lag() error {
	h.T.Helper()
	var errs []error
	for _, d := range h.app.Definitions() {
		next := h.positions(d.Context)
		for i := range d.Consumers {
			errs = append(errs, h.behind(&d.Consumers[i].Route, next))
		}
	}
	return errors.Join(h.retrying(h.T.Context(), errs)...)
}

func (h *Harness) behind(r *bus.Route, next map[bus.Position]int64) error {
	h.T.Helper()
	var errs []error
	for partition, end := range h.ends(r.Type.Topic) {
		position := bus.Position{Consumer: r.Consumer, Topic: r.Type.Topic, Partition: partition}
		if at := max(0, next[position]); at < end {
			errs = append(errs, fmt.Errorf("%s is at %d of %d", position, at, end))
		}
	}
	return errors.Join(errs...)
}

// positions returns where the consumers of a context are. Those that have not
// begun are missing.
func (h *Harness) positions(context string) map[bus.Position]int64 {
	h.T.Helper()
	claims, err := tx.Positions(h.T.Context(), h.dbs[context])
	h.must("read the positions of "+context, err)
	next := make(map[bus.Position]int64, len(claims))
	for _, c := range claims {
		next[c.Position] = c.Next
	}
	return next
}

// unclaimed returns how many partitions no consumer has claimed yet.
func (h *Harness) unclaimed() int {
	h.T.Helper()
	n := 0
	for _, d := range h.app.Definitions() {
		claimed := h.positions(d.Context)
		for i := range d.Consumers {
			n += int(d.Consumers[i].Type.Partitions)
		}
		n -= len(claimed)
	}
	return n
}
