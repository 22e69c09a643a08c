package review

import (
	"fmt"
	"slices"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// removals reports events that are gone although they are consumed, or have
// moved to another topic.
func (r *reviewer) removals() error {
	var gone []*model.Event
	for _, e := range r.base.Model.Events {
		if !slices.ContainsFunc(r.set.Avro, func(a *source.Avro) bool { return a.Path == e.File }) {
			gone = append(gone, e)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	for _, e := range gone {
		readers, err := r.consumers.of(e, nil)
		if err != nil {
			return err
		}
		r.removed(e, r.stillConsumed(e), readers)
		r.moved(e, readers)
	}
	return nil
}

// stillConsumed returns the consumers that the contracts still have for an
// event that is gone: they are wired as if it were there.
func (r *reviewer) stillConsumed(e *model.Event) []*model.Consumer {
	with := *r.set
	with.Avro = append(slices.Clone(r.set.Avro), &source.Avro{Path: e.File, Schema: e.Schema})
	m, _ := model.Build(&with)
	for _, again := range m.Events {
		if again.Topic == e.Topic {
			return again.Consumers
		}
	}
	return nil
}

func (r *reviewer) removed(e *model.Event, still []*model.Consumer, readers []reader) {
	for _, c := range still {
		d := diag.New(diag.CompatRemoved, c.Pos, fmt.Sprintf("%s consumes %s, which is removed", c.Context.Name, e.Topic)).Because(
			"nobody will publish the event any more, and its generated type is gone",
			fmt.Sprintf("put %s back until no context consumes it, or remove the consumer first and deploy that", e.File))
		d.Change = diag.Change{Event: e.Topic, Was: fmt.Sprintf("%s, %s", e.Pos, r.base.Label),
			Registry: "nothing, the subject stays until it is deleted", Readers: tell(readers, says(effects[diag.CompatRemoved]))}
		r.found = append(r.found, d)
	}
}

// says is the same effect for every consumer.
func says(effect string) func(reader) string {
	return func(reader) string { return "; " + effect }
}

func (r *reviewer) moved(e *model.Event, readers []reader) {
	for _, n := range r.model.Events {
		if r.base.Event(n.Topic) != nil || !alike(e, n) {
			continue
		}
		d := diag.New(diag.CompatMoved, n.Schema.NamePos, fmt.Sprintf("%s is gone, and %s has taken its place", e.Topic, n.Topic)).Because(
			"a topic is what consumers, offsets, retries and dead letters are kept by: those of the old one do not follow",
			"keep "+e.File+" and publish both events until nobody consumes the old one")
		d.Change = diag.Change{Event: n.Topic, Was: fmt.Sprintf("%s, %s", e.Pos, r.base.Label),
			Registry: "200, the subject is a new one", Readers: tell(readers, says(effects[diag.CompatMoved]))}
		r.found = append(r.found, d)
	}
}

// alike reports whether an event is probably another one under a new topic:
// it has its name, or all of its fields.
func alike(a, b *model.Event) bool {
	if a.GoName == b.GoName {
		return true
	}
	return len(a.Schema.Fields) > 1 && slices.EqualFunc(a.Schema.Fields, b.Schema.Fields,
		func(x, y *avro.Field) bool { return x.Name == y.Name && x.Type.Kind == y.Type.Kind })
}
