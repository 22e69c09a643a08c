// Package review finds everything that a change of the contracts breaks, and
// for whom: what a schema registry will refuse, by the walker of
// platform/avro/compat, what it lets through, by package compat, and what
// happens to each consumer.
package review

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	walk "github.com/pulselearn/campus-hub/platform/avro/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/compat/history"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/lint"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Contracts returns the findings about the change from base to the contracts
// in set, of which m is the model. They are sorted and without those that a
// waiver silences. A waiver counts for the change that brings it: one that the
// base has already was about an earlier change.
func Contracts(ctx context.Context, base *history.Base, set *source.Set, m *model.Model) ([]diag.Diagnostic, error) {
	r := &reviewer{ctx: ctx, base: base, set: set, model: m, consumers: newConsumers(ctx, base, m)}
	for _, e := range m.Events {
		if err := r.event(e); err != nil {
			return nil, err
		}
	}
	if err := r.removals(); err != nil {
		return nil, err
	}
	return diag.Sort(lint.WaiveSince(base.Set, set, r.found)), nil
}

type reviewer struct {
	ctx       context.Context
	base      *history.Base
	set       *source.Set
	model     *model.Model
	consumers *consumers
	found     []diag.Diagnostic
}

func (r *reviewer) event(e *model.Event) error {
	old, err := r.before(e)
	if err != nil {
		return err
	}
	if old == nil || bytes.Equal(old.Text, e.Text) {
		return nil
	}
	readers, err := r.consumers.of(old, e)
	if err != nil {
		return err
	}
	c := &change{reviewer: r, old: old, new: e, readers: readers}
	if err := c.versions(); err != nil {
		return err
	}
	c.registryLetsThrough()
	c.settings()
	c.fieldsRead()
	r.found = append(r.found, c.found...)
	return nil
}

// before returns the event as it was in the base, or nil for a new one. Of a
// schema that was faulty there it is the version before.
func (r *reviewer) before(e *model.Event) (*model.Event, error) {
	old := r.base.Event(e.Topic)
	if _, faulty := r.base.Faulty[e.File]; old != nil || !faulty {
		return old, nil
	}
	older, err := r.base.Older(r.ctx, e)
	if err != nil {
		return nil, fmt.Errorf("compare %s with its earlier versions: %w", e.Topic, err)
	}
	if len(older) == 0 {
		return nil, nil
	}
	return older[0].Event, nil
}

// A change is about one event.
type change struct {
	*reviewer
	old, new *model.Event
	readers  []reader
	found    []diag.Diagnostic
	// broken are the violations found, with the path of the field.
	broken []violation
	// level is what a registry that is the base applies now, or "".
	level string
}

// versions compares the event with every version that is known.
func (c *change) versions() error {
	level, err := walk.ParseLevel(c.new.Compatibility)
	if err != nil {
		return nil // a finding of its own, EVENT_SETTING
	}
	last := history.Version{Name: c.base.Label, Event: c.old}
	all := violationsOf(c.new, last, level, true)
	older, err := c.base.Older(c.ctx, c.old)
	if err != nil && (level.Transitive() || !errors.Is(err, history.ErrShallow)) {
		return fmt.Errorf("compare %s with its earlier versions: %w", c.new.Topic, err)
	}
	if c.level, err = c.base.Level(c.ctx, c.new.Topic); err != nil {
		return fmt.Errorf("compare %s: %w", c.new.Topic, err)
	}
	for _, v := range older {
		list := violationsOf(c.new, v, level, level.Transitive())
		if !c.base.Registered {
			list = without(list, violationsOf(c.old, v, level, level.Transitive()))
		}
		all = append(all, list...)
	}
	c.broken = merge(all)
	for _, v := range c.broken {
		if !c.hasOwnRule(v) {
			c.found = append(c.found, c.diagnostic(v))
		}
	}
	return nil
}

// hasOwnRule reports whether another rule says more about what a registry lets
// through: a symbol that is added to an enum without a default.
func (c *change) hasOwnRule(v violation) bool {
	return !v.asked && !v.newReads && v.Type == walk.MissingEnumSymbols
}

// registryLetsThrough adds the findings of package compat, except those that
// say again what the registry refuses.
func (c *change) registryLetsThrough() {
	for _, f := range compat.Findings(c.old, c.new) {
		if f.Rule == compat.EnumDefault && c.refused(f.Path, walk.MissingEnumSymbols) ||
			f.Rule == compat.Renamed && c.refused(f.Path, walk.NameMismatch) {
			continue
		}
		d := f.Diagnostic
		d.Pos = c.member(d.Pos, memberOf[f.Rule])
		d.Change = diag.Change{Event: c.new.Topic, Field: f.Path, Was: c.was(f.OldPos),
			Registry: "200, no registry looks at this", Readers: c.tell(c.oldPath(f), effects[f.Rule])}
		c.found = append(c.found, d)
	}
}

// oldPath is the path of a finding's field in the old schema.
func (c *change) oldPath(f compat.Finding) string {
	if f.Rule != compat.Renamed {
		return f.Path
	}
	for _, field := range c.old.Schema.Fields {
		if field.NamePos == f.OldPos {
			return field.Name
		}
	}
	return f.Path
}

func (c *change) refused(path string, t walk.Type) bool {
	for _, v := range c.broken {
		if v.asked && v.Path == path && v.Type == t {
			return true
		}
	}
	return false
}

// memberOf are the members of "pl" that rules are about.
var memberOf = map[diag.Rule]string{compat.Key: "/key", compat.Retention: "/retention", compat.PII: "/pii"}

// member returns the place of a member of the "pl" object at pos, or pos.
func (r *reviewer) member(pos diag.Pos, name string) diag.Pos {
	if name == "" {
		return pos
	}
	for _, a := range r.set.Avro {
		if a.Path != pos.File {
			continue
		}
		if at, ok := source.Places(a.Text, pos)[name]; ok {
			return at
		}
	}
	return pos
}

func (c *change) was(pos diag.Pos) string {
	if pos.Line == 0 {
		return c.base.Label
	}
	return fmt.Sprintf("%s, %s", pos, c.base.Label)
}

// settings compares what the topic is made with.
func (c *change) settings() {
	pos := c.new.Schema.NamePos
	if at, ok := c.new.Schema.PropPos["pl"]; ok {
		pos = at
	}
	if was, is := c.old.Partitions, c.new.Partitions; was != is {
		c.add(diag.New(diag.CompatPartitions, c.member(pos, "/partitions"), fmt.Sprintf("the topic changes from %d to %d partitions", was, is)).Because(
			"the partition of a key follows from their number: events of one key before and after lie in different partitions and overtake each other, and a broker cannot take partitions away",
			"keep the number; a topic that needs more is a new version of the event, in a directory v"+fmt.Sprint(c.new.Version+1)))
	}
	was, err1 := walk.ParseLevel(c.old.Compatibility)
	is, err2 := walk.ParseLevel(c.new.Compatibility)
	if err1 == nil && err2 == nil && weaker(is, was) {
		c.add(diag.New(diag.CompatLevel, c.member(pos, "/compat"), fmt.Sprintf("the compatibility level falls from %s to %s", was, is)).Because(
			"consumers rely on the level: the registry will let through what it refused until now",
			"keep the level, or say in a waiver what the consumers are to do"))
	}
}

func (c *change) add(d diag.Diagnostic) {
	d.Change = diag.Change{Event: c.new.Topic, Was: c.was(diag.Pos{}),
		Registry: "200, no registry looks at this", Readers: c.tell("", effects[d.Rule])}
	c.found = append(c.found, d)
}

func weaker(is, was walk.Level) bool {
	return was.Backward() && !is.Backward() || was.Forward() && !is.Forward() || was.Transitive() && !is.Transitive()
}
