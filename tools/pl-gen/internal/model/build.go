package model

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// Build resolves sources to what they mean. What it cannot make sense of
// becomes findings and is left out of the model, so the model is complete only
// when no finding is an error; it is always safe to read.
func Build(set *source.Set) (*Model, []diag.Diagnostic) {
	b := &builder{
		set:      set,
		model:    &Model{Module: set.Module},
		contexts: map[string]*Context{},
		topics:   map[string]*Event{},
		broken:   map[string]bool{},
		requests: map[protoreflect.FullName]*Message{},
	}
	b.schemas()
	b.protos()
	b.wire()
	b.sort()
	for _, p := range set.Proto {
		if p.File != nil {
			b.references(b.model, p.File.Messages())
		}
	}
	return b.model, b.found
}

type builder struct {
	set      *source.Set
	model    *Model
	contexts map[string]*Context
	topics   map[string]*Event
	// broken holds what exists but could not be read, by topic and by context
	// name: whoever refers to it is not told that it is missing.
	broken map[string]bool
	// pending is the wiring to do once all contexts are known.
	pending []wiring
	// requests are the messages that calls take, with their rules.
	requests map[protoreflect.FullName]*Message
	found    []diag.Diagnostic
}

func (b *builder) report(d diag.Diagnostic) { b.found = append(b.found, d) }

// context returns the context of that name, creating it when it is new.
func (b *builder) context(name string, pos Pos) *Context {
	if c, ok := b.contexts[name]; ok {
		return c
	}
	c := &Context{Name: name, Pos: pos}
	b.contexts[name] = c
	b.model.Contexts = append(b.model.Contexts, c)
	return c
}

func (b *builder) sort() {
	slices.SortFunc(b.model.Contexts, func(a, c *Context) int { return cmp.Compare(a.Name, c.Name) })
	slices.SortFunc(b.model.Events, byTopic)
	slices.SortFunc(b.model.Records, func(a, c *SharedRecord) int {
		return cmp.Compare(a.Schema.FullName(), c.Schema.FullName())
	})
	for _, c := range b.model.Contexts {
		slices.SortFunc(c.Publishes, byTopic)
	}
}

func byTopic(a, b *Event) int { return cmp.Compare(a.Topic, b.Topic) }
