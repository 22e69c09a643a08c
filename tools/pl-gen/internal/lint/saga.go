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
	taken := map[string]string{}
	for _, k := range ctx.Consumes {
		taken[k.Handler] = "a handler"
	}
	for _, m := range ctx.Service.Methods {
		taken[m.Name] = "a call"
	}
	for _, s := range ctx.Sagas {
		c.sagaName(s, taken)
		taken[s.Name] = "another saga"
		c.deadline(s)
		c.steps(s)
	}
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
	for _, step := range s.Steps {
		if step.Timeout > s.Deadline {
			c.sagaTime(step.Pos, fmt.Sprintf("the step %s may take %s, longer than its saga, %s", step.Name, short(step.Timeout), short(s.Deadline)),
				"shorten the timeout, or leave it out")
		}
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
	seen := map[string]bool{}
	for _, step := range s.Steps {
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
