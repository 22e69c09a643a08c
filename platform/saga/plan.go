package saga

import (
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
)

const (
	// undoRefusals is how often a compensation that is refused is tried. The
	// contract says that it must not be.
	undoRefusals = 20
	// undoPatience is how long a compensation whose result stays unknown is
	// tried before a person has to look.
	undoPatience = 24 * time.Hour
)

// A plan is what an instance does next: a step, its compensation, or that of
// the start.
type plan struct {
	name string // of the record
	step *Step  // nil for the compensation of the start
	call *Call  // nil for what is published or awaited
	undo bool
}

// plan returns what the instance does next, or nil at its end.
func (d *Definition) plan(p *progress) (*plan, error) {
	if p.Back {
		return d.planBack(p)
	}
	for i := range d.Steps {
		if r := p.record(d.Steps[i].Name); r != nil && r.Again {
			return forward(&d.Steps[i]), nil
		}
	}
	if i := d.position(p); i < len(d.Steps) {
		return forward(&d.Steps[i]), nil
	}
	return nil, nil
}

// position returns the step that an instance is at. A step that a newer
// contract has put before it is not done.
func (d *Definition) position(p *progress) int {
	for i := len(d.Steps) - 1; i >= 0; i-- {
		switch r := p.record(d.Steps[i].Name); {
		case r == nil:
			continue
		case r.Result == resultOpen:
			return i
		default:
			return i + 1
		}
	}
	return 0
}

func forward(s *Step) *plan { return &plan{name: s.Name, step: s, call: s.Call} }

// planBack returns the last thing that has happened, or may have, and is not
// undone.
func (d *Definition) planBack(p *progress) (*plan, error) {
	if err := d.knows(p); err != nil {
		return nil, err
	}
	for i := len(d.Steps) - 1; i >= 0; i-- {
		s := &d.Steps[i]
		if r := p.record(s.Name); r != nil && s.Undo != nil && r.toUndo() {
			return &plan{name: s.Name, step: s, call: s.Undo, undo: true}, nil
		}
	}
	if r := p.record(compensation); d.Compensate != nil && (r == nil || r.Result == resultUndoing) {
		return &plan{name: compensation, call: d.Compensate, undo: true}, nil
	}
	return nil, nil
}

// knows fails when something has happened that the contract no longer has, so
// that nobody knows how to undo it.
func (d *Definition) knows(p *progress) error {
	for i := range p.Records {
		r := &p.Records[i]
		if r.Step != compensation && r.toUndo() && d.step(r.Step) == nil {
			return fmt.Errorf("the contract no longer has step %s, which may have to be undone; undo it by hand and skip it", r.Step)
		}
	}
	return nil
}

// toUndo reports whether the step has to be undone when its saga is.
func (r *Record) toUndo() bool {
	switch r.Result {
	case resultUndone, resultKept:
		return false
	case resultUndoing, resultDone:
		return true
	}
	return r.Unknown && undoesUnknown
}

func (d *Definition) step(name string) *Step {
	for i := range d.Steps {
		if d.Steps[i].Name == name {
			return &d.Steps[i]
		}
	}
	return nil
}

// deadline returns until when a step that begins now may take. A step with
// Continue and a timeout of its own gets it in full, because the saga goes on
// after it in any case.
func (s *Step) deadline(now, saga time.Time) time.Time {
	if s.Timeout <= 0 {
		return saga
	}
	own := now.Add(s.Timeout)
	if s.Continue {
		return own
	}
	return minTime(own, saga)
}

// over reports whether the time of a step is up. A step with Continue is tried
// once in any case.
func (s *Step) over(r *Record, now time.Time) bool {
	if s.Continue && r.Attempts == 0 && s.Await == nil {
		return false
	}
	return !now.Before(r.Deadline)
}

// exhausted reports whether no attempt is left after those of r.
func (a *plan) exhausted(r *Record, now time.Time) bool {
	if !a.undo {
		return r.Attempts >= a.retry().Attempts
	}
	return r.Refusals >= undoRefusals || now.Sub(r.Since) >= undoPatience
}

// refused reports whether the last attempt to call a step was refused. One
// that published, or took an event, can be tried again nevertheless.
func (a *plan) refused(r *Record) bool { return a.call != nil && !a.undo && r.Refusals > 0 }

// retry returns the policy of the step, or that of compensations.
func (a *plan) retry() bus.RetryPolicy {
	if a.undo {
		return bus.DefaultRetry
	}
	route := bus.Route{Retry: a.step.Retry}
	return route.RetryPolicy()
}

// again returns when the next attempt is due after those of r.
func (a *plan) again(r *Record, now time.Time) time.Time {
	due := now.Add(delay(a.retry(), r.Attempts))
	if a.undo {
		return due
	}
	return minTime(due, r.Deadline)
}
