package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// A Saga is a process over several contexts that one of them runs. Its steps
// are in contract order; what could not be resolved is nil, and reported.
type Saga struct {
	Context *Context
	// Name is a Go name, for example "EnrollPremiumCourse".
	Name string
	// Start is the event that begins an instance, and Key its field that
	// identifies it.
	Start *Event
	Key   *avro.Field
	// Deadline is how long an instance may take until it is compensated.
	Deadline time.Duration
	// State is the message that holds what the steps know.
	State *Message
	Steps []*Step
	// Compensate undoes what began the saga, or is nil.
	Compensate *Call
	Pos        Pos
}

// A Step is one step of a saga. Exactly one of Call, Publish and Await is
// set.
type Step struct {
	// Name is in snake case.
	Name    string
	Call    *Call
	Publish *Event
	Await   *Event
	// Key is the field of the awaited event that holds the saga's key.
	Key *avro.Field
	// Timeout bounds the step with all its attempts; 0 means the saga's
	// deadline.
	Timeout time.Duration
	Retry   Retry
	// Compensate undoes the step, or is nil.
	Compensate *Call
	// Continue tells that the saga goes on when the step fails for good.
	Continue bool
	Pos      Pos
}

// GoName returns the step's name as part of a Go name: "ActivateAccess".
func (s *Step) GoName() string { return pascal(s.Name) }

// Consumes returns the events that the saga begins with and waits for, each
// once, in contract order.
func (s *Saga) Consumes() []*Event {
	var events []*Event
	if s.Start != nil {
		events = append(events, s.Start)
	}
	for _, step := range s.Steps {
		if step.Await != nil && !slices.Contains(events, step.Await) {
			events = append(events, step.Await)
		}
	}
	return events
}

func (b *builder) sagas(w wiring) {
	for _, o := range w.option.messages("sagas") {
		s := b.saga(w, o)
		w.context.Sagas = append(w.context.Sagas, s)
		for _, e := range s.Consumes() {
			e.Sagas = append(e.Sagas, s)
		}
	}
}

func (b *builder) saga(w wiring, o option) *Saga {
	s := &Saga{
		Context: w.context, Name: o.text("name"), Deadline: b.duration(o, "deadline", diag.SagaTime),
		State: b.sagaState(w, o), Compensate: b.sagaCall(w, o, "compensate"), Pos: o.pos(),
	}
	s.Start = b.sagaEvent(o, "start")
	s.Key = b.sagaKey(s.Start, o)
	for _, step := range o.messages("steps") {
		s.Steps = append(s.Steps, b.step(w, step))
	}
	return s
}

func (b *builder) step(w wiring, o option) *Step {
	s := &Step{
		Name: o.text("name"), Timeout: b.duration(o, "timeout", diag.SagaTime), Retry: b.retry(o),
		Call: b.sagaCall(w, o, "call"), Compensate: b.sagaCall(w, o, "compensate"),
		Continue: o.symbol("on_failure") == "ON_FAILURE_CONTINUE", Pos: o.pos(),
	}
	switch {
	case o.has("publish"):
		s.Publish = b.stepPublishes(w, o)
	case o.has("await"):
		s.Await = b.sagaEvent(o, "await")
		s.Key = b.sagaKey(s.Await, o)
	case !o.has("call"):
		b.report(diag.New(diag.SagaStep, o.pos(), fmt.Sprintf("the step %q does nothing", s.Name)).Because(
			"a step calls, publishes or awaits one thing", `add call: "<context>.<Call>", publish: "<topic>" or await: "<topic>"`))
	}
	return s
}

// sagaEvent resolves a topic that a saga consumes.
func (b *builder) sagaEvent(o option, name protoreflect.Name) *Event {
	t := textAt{o.text(name), o.posOf(name)}
	e := b.topic(t)
	if e != nil {
		b.published(e, t)
	}
	return e
}

func (b *builder) stepPublishes(w wiring, o option) *Event {
	e := b.topic(textAt{o.text("publish"), o.posOf("publish")})
	if e == nil || e.Publisher == w.context {
		return e
	}
	b.report(diag.New(diag.SagaStep, o.posOf("publish"), fmt.Sprintf("the step publishes %s, which %s does not", e.Topic, w.context.Name)).Because(
		"a saga publishes the events of the context that runs it", fmt.Sprintf("add publishes: %q to the context, or publish an event of its own", e.Topic)))
	return nil
}

// sagaKey resolves the field "key" of a saga or step in the event that it is
// about.
func (b *builder) sagaKey(e *Event, o option) *avro.Field {
	if e == nil {
		return nil
	}
	name := o.text("key")
	for _, f := range e.Schema.Fields {
		if f.Name == name && isIdentifier(f.Type) {
			return f
		}
	}
	message := fmt.Sprintf("%q is no field of %s", name, e.GoName)
	if name == "" {
		message = fmt.Sprintf("no key says which instance an event %s belongs to", e.GoName)
	}
	if i := slices.IndexFunc(e.Schema.Fields, func(f *avro.Field) bool { return f.Name == name }); i >= 0 {
		message = fmt.Sprintf("the field %s of %s is %s", name, e.GoName, describe(e.Schema.Fields[i].Type))
	}
	b.report(diag.New(diag.SagaKey, o.posOf("key"), message).Because(
		"the instance that an event belongs to is found by the text of one required string, uuid, int, long or enum", suggestField(e.Schema, name)))
	return nil
}

// sagaCall resolves a call of another context by a saga, nil for none.
func (b *builder) sagaCall(w wiring, o option, name protoreflect.Name) *Call {
	text := o.text(name)
	if text == "" {
		return nil
	}
	target, method, ok := b.callee(w.context, textAt{text, o.posOf(name)}, diag.SagaCall)
	switch {
	case !ok:
		return nil
	case method == nil:
		b.sagaCallFault(o.posOf(name), fmt.Sprintf("%q names a context and no call", text), fmt.Sprintf("write for example %q", text+"."+firstMethod(target)))
		return nil
	case method.Query:
		b.sagaCallFault(o.posOf(name), text+" is a query", "call a command; a step whose answer is only read can be part of the next one")
		return nil
	}
	return &Call{target, method}
}

func firstMethod(c *Context) string {
	if len(c.Service.Methods) == 0 {
		return "Call"
	}
	return c.Service.Methods[0].Name
}

func (b *builder) sagaCallFault(pos Pos, message, fix string) {
	b.report(diag.New(diag.SagaCall, pos, message).Because(
		"a step or compensation is one command of another context, which its idempotency key makes run once", fix))
}

// sagaState resolves the message that holds what the steps know.
func (b *builder) sagaState(w wiring, o option) *Message {
	pkg := w.context.Service.Desc.ParentFile().Package()
	var names []string
	for _, p := range b.set.Proto {
		if p.File == nil || p.File.Package() != pkg {
			continue
		}
		for i := range p.File.Messages().Len() {
			d := p.File.Messages().Get(i)
			if string(d.Name()) == o.text("state") {
				return message(d)
			}
			names = append(names, string(d.Name()))
		}
	}
	b.report(diag.New(diag.SagaName, o.posOf("state"), fmt.Sprintf("the state %q is no message of %s", o.text("state"), pkg)).Because(
		"what the steps of an instance know is stored as a message of the context's own", diag.Suggest(strings.TrimSpace(o.text("state")), names)))
	return nil
}
