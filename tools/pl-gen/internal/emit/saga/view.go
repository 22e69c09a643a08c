package saga

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A contextView is all sagas of a context.
type contextView struct {
	module string
	// Clients tells whether the context calls others.
	Clients bool
	// Calling tells whether a saga of it does.
	Calling bool
	Sagas   []*view
}

func calling(c *model.Context) bool {
	return slices.ContainsFunc(c.Sagas, func(s *model.Saga) bool {
		return s.Compensate != nil || slices.ContainsFunc(s.Steps, func(step *model.Step) bool {
			return step.Call != nil || step.Compensate != nil
		})
	})
}

// Platform returns an identifier of a package under platform.
func (v contextView) Platform(dir, name string) gofile.Ident { return platform(v.module, dir, name) }

// A view is one saga as the templates see it.
type view struct {
	module string
	saga   *model.Saga

	Name, Context string
	// Function makes the definition.
	Function   string
	Clients    bool
	State      gofile.Ident
	Start      *eventView
	Deadline   time.Duration
	Steps      []*stepView
	Compensate *callView
	// Methods are those of the interface, in order.
	Methods []Method
}

type stepView struct {
	*model.Step
	// Method is what the methods of the step begin with.
	Method    string
	CallView  *callView
	EventView *eventView // awaited
	UndoView  *callView
}

// A callView is a command of another context.
type callView struct {
	// Name is the call as the contract has it: "course.ActivateAccess".
	Name string
	// Client is the field of Clients, and Method its method.
	Client, Method           string
	Procedure, Input, Output gofile.Ident
}

// An eventView is an event that begins a saga or is awaited.
type eventView struct {
	Topic         string
	Message, Type gofile.Ident
	// Consumer is the name that positions have.
	Consumer string
	key      *avro.Field
}

func newView(module string, s *model.Saga) *view {
	v := &view{
		module: module, saga: s, Name: s.Name, Context: s.Context.Name, Function: lowerFirst(s.Name) + "Saga",
		Clients: len(s.Context.Calls) > 0, State: service.MessageIdent(s.State), Deadline: s.Deadline,
		Compensate: callOf(s.Compensate), Methods: Methods(module, s),
	}
	v.Start = v.event(s.Start, s.Key)
	for _, step := range s.Steps {
		sv := &stepView{Step: step, Method: step.GoName(), CallView: callOf(step.Call), UndoView: callOf(step.Compensate)}
		if step.Await != nil {
			sv.EventView = v.event(step.Await, step.Key)
		}
		v.Steps = append(v.Steps, sv)
	}
	return v
}

func callOf(c *model.Call) *callView {
	if c == nil {
		return nil
	}
	return &callView{
		Name: callName(c), Client: service.ClientField(c.Context.Service), Method: c.Method.Name,
		Procedure: service.ProcedureIdent(c.Context.Service, c.Method),
		Input:     service.MessageIdent(c.Method.Input), Output: service.MessageIdent(c.Method.Output),
	}
}

func callName(c *model.Call) string { return c.Context.Name + "." + c.Method.Name }

func (v *view) event(e *model.Event, key *avro.Field) *eventView {
	return &eventView{
		Topic: e.Topic, Message: service.EventIdent(v.module, e), Type: service.TypeIdent(v.module, e),
		Consumer: consumerName(v.Context, e), key: key,
	}
}

// consumerName is the same for all sagas of a context, which consume a topic
// together: enrollment.SagasOnPaymentCaptured.
func consumerName(context string, e *model.Event) string {
	name := context + ".SagasOn" + gofile.Exported(e.Context) + e.GoName
	if e.Version > 1 {
		name += "V" + strconv.Itoa(e.Version)
	}
	return name
}

// Field returns the Go name of the key.
func (e *eventView) Field() string { return gofile.Exported(e.key.Name) }

// Number tells whether the key is a whole number.
func (e *eventView) Number() bool {
	return e.key.Type.Kind == avro.Int || e.key.Type.Kind == avro.Long
}

// Enum tells whether the key is a symbol.
func (e *eventView) Enum() bool { return e.key.Type.Kind == avro.Enum }

// Platform returns an identifier of a package under platform.
func (v *view) Platform(dir, name string) gofile.Ident { return platform(v.module, dir, name) }

func platform(module, dir, name string) gofile.Ident {
	return gofile.PackageAt(module + "/platform/" + dir).Ident(name)
}

// Doc says what implementing the interface means.
func (v *view) Doc() string {
	steps := make([]string, len(v.Steps))
	for i, s := range v.Steps {
		steps[i] = s.describe()
	}
	doc := fmt.Sprintf("%s is what services/%s implements for the saga of that name. An instance begins with %s and has %s time. Its steps: %s.",
		v.Name, v.Context, v.Start.Topic, short(v.Deadline), strings.Join(steps, "; "))
	if v.Compensate != nil {
		doc += fmt.Sprintf(" When a step fails for good, what was done is undone in reverse order, and %s undoes what began the saga.", v.Compensate.Name)
	}
	return doc
}

func (s *stepView) describe() string {
	text := s.Name
	switch {
	case s.CallView != nil:
		text += " calls " + s.CallView.Name
	case s.Publish != nil:
		text += " publishes " + s.Publish.Topic
	default:
		text += " waits for " + s.Await.Topic
	}
	if s.UndoView != nil {
		text += ", undone by " + s.UndoView.Name
	}
	if s.Continue {
		text += ", without which the saga goes on"
	}
	return text
}

// short returns a duration as people write it: 24h, not 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// snake turns upper camel case into snake case, for file names.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A callPart is a call as the template prints it.
type callPart struct {
	View         *view
	Method, Done string
	Cause        bool
	Call         *callView
}

// CallPart is the call whose request a method returns. That of a step has a
// method for its answer as well, that of a compensation is told the cause.
func (v *view) CallPart(method string, c *callView, step bool) callPart {
	p := callPart{View: v, Method: method, Cause: !step, Call: c}
	if step {
		p.Done = method + "Done"
	}
	return p
}

// An eventPart is an event as the template prints it.
type eventPart struct {
	View    *view
	Method  string
	Timeout time.Duration
	Event   *eventView
}

// EventPart is the event that a method takes.
func (v *view) EventPart(method string, e *eventView) eventPart {
	return eventPart{v, method, deliveryTimeout, e}
}

// deliveryTimeout is how long one event may take to be applied, as for the
// consumers of contexts.
const deliveryTimeout = 10 * time.Second

// Retried tells whether the contract says how often a step is tried.
func (v *view) Retried(s *model.Step) bool {
	return s.Retry.Attempts > 0 || s.Retry.First > 0 || s.Retry.Max > 0
}
