// Package register brings a Schema Registry up to date with the contracts: it
// plans, it applies, and it writes down which ids the registry gave. Only the
// schemas of events are registered, and their text is self-contained, so no
// subject refers to another.
package register

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// An Action is what happens to a subject's schema.
type Action string

// The actions. A subject whose schema is registered may still get another
// level.
const (
	Keep    Action = "keep"
	Add     Action = "register"
	Refused Action = "refused"
)

// A Step is what a plan says about one subject.
type Step struct {
	Event  *model.Event
	Action Action
	// ID and Version are those of the schema in the registry; ID is 0 and
	// Version is the one that is expected until the schema is registered.
	ID, Version int
	// LevelBefore is the subject's level now, "" if it has none of its own.
	LevelBefore string
	// Violations keep the schema from being registered.
	Violations []Violation
}

// A Violation is one reason why a new version does not go with one before.
type Violation struct {
	// Version is the version in the registry.
	Version int
	// NewReads is true when the new schema cannot read what the version wrote,
	// and false when the version cannot read what the new schema writes.
	NewReads bool
	compat.Incompatibility
}

// Subject returns the registry's subject.
func (s *Step) Subject() string { return s.Event.Topic + "-value" }

// Releveled reports whether the subject gets another level.
func (s *Step) Releveled() bool { return s.LevelBefore != s.Event.Compatibility }

// A Plan is what registering does, by subject.
type Plan []*Step

// Refused reports whether anything keeps the plan from being applied.
func (p Plan) Refused() bool { return p.count(Refused) > 0 }

func (p Plan) count(a Action) int {
	n := 0
	for _, s := range p {
		if s.Action == a {
			n++
		}
	}
	return n
}

// pending is how many subjects would change.
func (p Plan) pending() int {
	n := 0
	for _, s := range p {
		if s.Action == Add || s.Action == Keep && s.Releveled() {
			n++
		}
	}
	return n
}

// width is how many subjects are asked about at a time.
const width = 8

// MakePlan compares the events with what the registry has, and changes
// nothing.
func MakePlan(ctx context.Context, r *Registry, events []*model.Event) (Plan, error) {
	plan := make(Plan, len(events))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(width)
	for i, e := range events {
		group.Go(func() (err error) {
			plan[i], err = makeStep(ctx, r, e)
			return err
		})
	}
	return plan, group.Wait()
}

func makeStep(ctx context.Context, r *Registry, e *model.Event) (*Step, error) {
	s := &Step{Event: e, Action: Keep}
	found, err := r.find(ctx, s.Subject(), string(e.Text))
	if err != nil {
		return nil, err
	}
	s.ID, s.Version = found.id, found.number
	if s.LevelBefore, err = r.level(ctx, s.Subject()); err != nil || found.number != 0 {
		return s, err
	}
	history, err := r.history(ctx, s.Subject())
	if err != nil {
		return nil, err
	}
	return s, s.judge(history)
}

// judge decides about a schema that the registry does not have.
func (s *Step) judge(history []past) error {
	s.Action, s.Version = Add, 1
	if len(history) > 0 {
		s.Version = history[len(history)-1].number + 1
	}
	level, err := compat.ParseLevel(s.Event.Compatibility)
	if err != nil {
		return fmt.Errorf("event %s: %w", s.Event.Topic, err)
	}
	numbers, schemas := readable(history)
	for _, v := range compat.CheckLevel(level, schemas, s.Event.Schema) {
		s.Action, s.ID = Refused, 0
		s.Violations = append(s.Violations, Violation{numbers[v.Version], v.NewReads, v.Incompatibility})
	}
	return nil
}

// readable returns the versions whose schemas could be parsed. The registry
// alone decides about the others.
func readable(history []past) (numbers []int, schemas []*avro.Schema) {
	for _, p := range history {
		if p.schema != nil {
			numbers, schemas = append(numbers, p.number), append(schemas, p.schema)
		}
	}
	return numbers, schemas
}

// Apply carries the plan out, subject by subject, and returns what the registry
// then has. A subject's level is set before its schema is registered, so that
// the contract's level decides. What was done before an error stays; applying
// again goes on. It must not be called for a plan that is refused.
func (p Plan) Apply(ctx context.Context, r *Registry) (Lock, error) {
	lock := make(Lock, 0, len(p))
	for _, s := range p {
		if err := s.apply(ctx, r); err != nil {
			return nil, err
		}
		lock = append(lock, Entry{s.Subject(), s.ID, s.Version, s.Event.Fingerprint})
	}
	return lock, nil
}

func (s *Step) apply(ctx context.Context, r *Registry) error {
	if s.Releveled() {
		if err := r.setLevel(ctx, s.Subject(), s.Event.Compatibility); err != nil {
			return err
		}
	}
	if s.Action != Add {
		return nil
	}
	if err := r.register(ctx, s.Subject(), string(s.Event.Text)); err != nil {
		return err
	}
	found, err := r.find(ctx, s.Subject(), string(s.Event.Text))
	if err == nil && found.number == 0 {
		err = fmt.Errorf("the registry at %s took the schema of %s and does not find it; register again", r.URL, s.Subject())
	}
	s.ID, s.Version = found.id, found.number
	return err
}
