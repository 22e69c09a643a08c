package saga

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A Definition is one saga of a context. Generated code makes it; it must not
// be changed once an [Engine] has it.
//
// Functions that get a *[tx.Tx] run in the transaction that moves the instance,
// and obey the rules of handlers: they touch nothing but what they are given
// and may run more than once. They may change the state, which is stored when
// they return nil. Those without a Tx run outside of any transaction and must
// not change the state.
type Definition struct {
	// Name is the saga's name, "EnrollPremiumCourse": in tables, in metrics and
	// for people.
	Name string
	// Context is the context that owns the saga.
	Context string
	// NewState returns an empty state. It is safe for concurrent use.
	NewState func() proto.Message
	// Start begins an instance. A second event with the same key begins
	// nothing.
	Start Event
	// Deadline is how long after its start an instance begins to undo what it
	// did, unless it is at a step with Continue.
	Deadline time.Duration
	// Steps are the steps in their order.
	Steps []Step
	// Compensate undoes what began the saga. It runs after all other
	// compensations; nil means that there is nothing to undo.
	Compensate *Call
	// Ended runs in the transaction that ends the instance; cause is nil when
	// the saga is completed. Ended may be nil.
	Ended func(ctx context.Context, t *tx.Tx, state proto.Message, outcome Outcome, cause *Failure) error
}

// An Event is an event that a saga begins with or waits for.
type Event struct {
	// Route is how the event is consumed. Events of one context with the same
	// topic have the same route, because a context consumes a topic once.
	Route bus.Route
	// Key returns the key of the instance that the event belongs to.
	Key func(e event.Message) string
	// Apply takes what the saga needs from the event into its state. It may be
	// nil for an event that is awaited.
	Apply func(ctx context.Context, t *tx.Tx, state proto.Message, e event.Message) error
}

// A Step is one step of a saga. It has exactly one of Call, Publish and Await.
type Step struct {
	// Name is the step's name in snake case. It is kept in the database, so a
	// step that is renamed is a new step.
	Name string
	// Call calls another context.
	Call *Call
	// Publish publishes through t. It commits together with the step. An error
	// is tried again like an unknown result, and is a refusal in the end.
	Publish func(ctx context.Context, t *tx.Tx, state proto.Message) error
	// Await waits for an event. One that comes before the step, or before the
	// instance, is kept until the saga's deadline.
	Await *Event
	// Timeout is how long the step may take with all its attempts; 0 means
	// until the saga's deadline.
	Timeout time.Duration
	// Retry says how often the step is tried; what it leaves out is that of
	// [bus.DefaultRetry].
	Retry bus.RetryPolicy
	// Undo undoes the step; nil means that there is nothing to undo.
	Undo *Call
	// Continue makes the saga go on when the step fails for good. The step is
	// then parked for a person.
	Continue bool
	// Failed runs in the transaction that parks a step with Continue, for
	// example to publish an alert. It may be nil. When a person tries the step
	// again and it fails again, Failed does not run.
	Failed func(ctx context.Context, t *tx.Tx, state proto.Message, cause *Failure) error
}

// A Call is a command of another context.
type Call struct {
	// Procedure is the command's full name, "/pl.course.v1.CourseService/ActivateAccess".
	Procedure string
	// NewRequest returns an empty request. It is safe for concurrent use.
	NewRequest func() proto.Message
	// Request returns the request. It is asked once: every attempt sends what
	// is stored from then, because a key belongs to one request. cause is why
	// the saga undoes what it did, and nil in the call of a step. [StepKey]
	// returns the key of the step that is called or undone. An error is a
	// refusal of the step; that of a compensation is tried again.
	Request func(ctx context.Context, state proto.Message, cause *Failure) (proto.Message, error)
	// Do makes the call with key as its Idempotency-Key. The context ends with
	// the time of the attempt.
	Do func(ctx context.Context, key string, req proto.Message) (proto.Message, error)
	// Done takes what the saga needs from the answer into its state, in the
	// transaction that records the result. It may be nil. An error makes the
	// result unknown.
	Done func(ctx context.Context, t *tx.Tx, state, res proto.Message) error
}

// An Outcome is how an instance ended.
type Outcome string

// The outcomes of sagas.
const (
	// OutcomeCompleted means that every step is done, parked or skipped.
	OutcomeCompleted Outcome = "completed"
	// OutcomeCompensated means that everything that could have happened was
	// undone.
	OutcomeCompensated Outcome = "compensated"
)

// A Failure is why a step failed for good, and with it why a saga undoes what
// it did.
type Failure struct {
	// Step is the step's name, or "" when a person decided.
	Step string `json:"step,omitempty"`
	// Code is the code of the last error; DeadlineExceeded when the time was
	// up, and Canceled when a person decided.
	Code connect.Code `json:"code"`
	// Reason is the text of the last error, or what a person gave as reason.
	Reason string `json:"reason"`
	// Unknown says that the step may have had its effect nevertheless.
	Unknown bool `json:"unknown,omitempty"`
}

// Error returns the failure in a line.
func (f *Failure) Error() string {
	if f.Step == "" {
		return "a person decided: " + f.Reason
	}
	return fmt.Sprintf("step %s failed with %s: %s", f.Step, f.Code, f.Reason)
}

// compensation is the name under which an instance keeps its record of
// [Definition.Compensate]. No step has it.
const compensation = "compensate"

// Check reports everything about a definition that no engine can work with.
func (d *Definition) Check() error {
	errs := []error{
		when(d.Name == "" || d.Context == "" || strings.ContainsAny(d.Name, "/ "), "a name without slashes and blanks, and a context"),
		when(d.NewState == nil, "a constructor of its state"),
		when(d.Deadline <= 0, "a deadline"),
		when(len(d.Steps) == 0, "steps"),
		d.Start.check("its start"),
	}
	if d.Compensate != nil {
		errs = append(errs, d.Compensate.check("its compensation"))
	}
	seen := map[string]bool{compensation: true}
	for i := range d.Steps {
		s := &d.Steps[i]
		errs = append(errs, s.check(), when(seen[s.Name], "steps of different names, none of them "+compensation))
		seen[s.Name] = true
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("saga %s of context %s: %w", d.Name, d.Context, err)
	}
	return nil
}

func when(missing bool, what string) error {
	if missing {
		return fmt.Errorf("needs %s", what)
	}
	return nil
}

func (s *Step) check() error {
	kinds := 0
	for _, is := range []bool{s.Call != nil, s.Publish != nil, s.Await != nil} {
		if is {
			kinds++
		}
	}
	at := "step " + s.Name
	errs := []error{
		when(s.Name == "" || strings.Contains(s.Name, "/"), "steps with names without slashes"),
		when(kinds != 1, "one thing to do in "+at),
	}
	if s.Call != nil {
		errs = append(errs, s.Call.check(at))
	}
	if s.Await != nil {
		errs = append(errs, s.Await.check(at))
	}
	if s.Undo != nil {
		errs = append(errs, s.Undo.check("the compensation of "+at))
	}
	return errors.Join(errs...)
}

func (e *Event) check(at string) error {
	return when(e.Route.Type == nil || e.Route.New == nil || e.Route.Consumer == "" || e.Key == nil,
		"a complete route and a key for the event of "+at)
}

func (c *Call) check(at string) error {
	return when(c.Procedure == "" || c.NewRequest == nil || c.Request == nil || c.Do == nil,
		"a procedure with its request for "+at)
}
