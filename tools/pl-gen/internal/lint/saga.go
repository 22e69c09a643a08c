package lint

import (
	"fmt"
	"go/token"
	"regexp"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

const (
	minDeadline = time.Second
	maxDeadline = 366 * 24 * time.Hour
)

var stepPattern = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func (c *checker) sagas(ctx *model.Context) {
	if len(ctx.Sagas) == 0 {
		return
	}
	taken := takenNames(ctx)
	for _, s := range ctx.Sagas {
		c.sagaName(s, taken)
		taken[s.Name] = "another saga"
		c.deadline(s)
		c.steps(s)
		c.undoable(s)
		c.consumedTwice(s)
	}
}

// takenNames are the Go names that a saga of the context cannot have, with
// what has them.
func takenNames(ctx *model.Context) map[string]string {
	taken := map[string]string{}
	for _, name := range []string{"Handler", "Event", "Tx", "Reader", "Clients", "Call", "Register", "NewTx"} {
		taken[name] = "a part"
	}
	for _, e := range ctx.Entities {
		for _, suffix := range []string{"Reader", "Proto", "Protos"} {
			taken[e.Name+suffix] = "a part"
		}
	}
	enums := ctx.Service.Desc.ParentFile().Enums()
	for i := range enums.Len() {
		taken[string(enums.Get(i).Name())] = "an enum"
	}
	for _, k := range ctx.Consumes {
		taken[k.Handler] = "a handler"
	}
	for _, m := range ctx.Service.Methods {
		taken[m.Name] = "a call"
	}
	return taken
}

func (c *checker) sagaName(s *model.Saga, taken map[string]string) {
	var message string
	switch {
	case !token.IsIdentifier(s.Name) || !token.IsExported(s.Name):
		message = fmt.Sprintf("%q cannot name a saga", s.Name)
	case taken[s.Name] != "":
		message = fmt.Sprintf("%s is the name of %s of %s", s.Name, taken[s.Name], s.Context.Name)
	default:
		return
	}
	c.report(diag.New(diag.SagaName, s.Pos, message).Because(
		"a saga becomes a Go type, and its instances are stored under its name", `write for example name: "EnrollPremiumCourse"`))
}

func (c *checker) deadline(s *model.Saga) {
	if s.Deadline < minDeadline || s.Deadline > maxDeadline {
		c.sagaTime(s.Pos, fmt.Sprintf("the saga %s has no deadline between a second and a year", s.Name), `write for example deadline: "24h"`)
		return
	}
	var sum time.Duration
	for _, step := range s.Steps {
		if step.Timeout > s.Deadline {
			c.sagaTime(step.Pos, fmt.Sprintf("the step %s may take %s, longer than its saga, %s", step.Name, short(step.Timeout), short(s.Deadline)),
				"shorten the timeout, or leave it out")
			return
		}
		sum += step.Timeout
	}
	if sum > s.Deadline {
		c.sagaTime(s.Pos, fmt.Sprintf("the steps of %s may take %s together, longer than the saga, %s", s.Name, short(sum), short(s.Deadline)),
			fmt.Sprintf("raise the deadline to %q at least, or shorten the timeouts", short(sum)))
	}
}

func (c *checker) sagaTime(pos diag.Pos, message, fix string) {
	c.report(diag.New(diag.SagaTime, pos, message).Because(
		"an instance that is not through at its deadline is compensated, so that none hangs for ever", fix))
}

func (c *checker) steps(s *model.Saga) {
	if len(s.Steps) == 0 {
		c.badStep(s.Pos, fmt.Sprintf("the saga %s has no steps", s.Name), "add steps, or use a handler")
	}
	seen, methods := map[string]bool{}, map[string]string{"Begin": "the start", "Compensate": "the compensation", "Ended": "the end"}
	for _, step := range s.Steps {
		c.stepMethods(s, step, methods)
		switch {
		case !stepPattern.MatchString(step.Name):
			c.badStep(step.Pos, fmt.Sprintf("%q cannot name a step", step.Name), `write for example name: "activate_access"`)
		case seen[step.Name]:
			c.badStep(step.Pos, fmt.Sprintf("the saga %s has two steps named %s", s.Name, step.Name), "rename one of them")
		}
		seen[step.Name] = true
		c.stepRetry(step)
	}
}

// stepMethods reports a step whose Go methods another part of the saga has.
func (c *checker) stepMethods(s *model.Saga, step *model.Step, taken map[string]string) {
	own := map[string]bool{}
	for _, suffix := range []string{"", "Done", "Undo", "Failed"} {
		name := step.GoName() + suffix
		if other := taken[name]; other != "" && other != "the step "+step.Name {
			c.badStep(step.Pos, fmt.Sprintf("the method %s of the saga %s belongs to %s", name, s.Name, other), "rename the step")
			return
		}
		own[name] = true
	}
	for name := range own {
		taken[name] = "the step " + step.Name
	}
}

// undoable reports calls that cannot be undone when a later step fails.
func (c *checker) undoable(s *model.Saga) {
	last := -1
	for i, step := range s.Steps {
		if !step.Continue && (step.Call != nil || step.Await != nil) {
			last = i
		}
	}
	for i, step := range s.Steps {
		if i >= last || step.Call == nil || step.Compensate != nil {
			continue
		}
		c.report(diag.New(diag.SagaUndo, step.Pos, fmt.Sprintf("the step %s is not undone when the step %s fails", step.Name, s.Steps[last].Name)).Because(
			"a saga that fails undoes its steps in reverse order, and what has no compensation stays as it is",
			fmt.Sprintf("add compensate: \"<context>.<Call>\", or move the step behind %s", s.Steps[last].Name)))
	}
}

// consumedTwice reports topics that a handler of the context consumes as well.
func (c *checker) consumedTwice(s *model.Saga) {
	for _, e := range s.Consumes() {
		for _, k := range s.Context.Consumes {
			if k.Event == e {
				c.report(diag.New(diag.HandlerDuplicate, k.Pos, fmt.Sprintf("%s consumes %s twice, with %s and with the saga %s", s.Context.Name, e.Topic, k.Handler, s.Name)).Because(
					"a context has one consumer a topic, with one position", "do in the saga's methods what the handler does"))
			}
		}
	}
}

// stepRetry checks the retry of a step: only a call can be tried again.
func (c *checker) stepRetry(step *model.Step) {
	if step.Call == nil && step.Retry != (model.Retry{}) && (step.Publish != nil || step.Await != nil) {
		c.badStep(step.Retry.Pos, fmt.Sprintf("the step %s has a retry and no call", step.Name), "remove it: only a call can fail and be tried again")
		return
	}
	c.retry(step.Retry, model.DeliveryRetry, maxDeliveryDelay)
}

func (c *checker) badStep(pos diag.Pos, message, fix string) {
	c.report(diag.New(diag.SagaStep, pos, message).Because(
		"a step is stored and resumed under its name, and does one thing", fix))
}
