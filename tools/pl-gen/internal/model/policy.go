package model

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// A Retry says how often something that failed is tried again. A field that
// the contract leaves out is zero; the default is that of what is tried.
type Retry struct {
	// Attempts is how often it is tried in all, the first time included.
	Attempts int
	// First is the delay behind the first attempt, Max the longest.
	First, Max time.Duration
	Pos        Pos
}

// OrElse returns the retry with d in place of what is left out.
func (r Retry) OrElse(d Retry) Retry {
	return Retry{
		Attempts: cmp.Or(r.Attempts, d.Attempts), First: cmp.Or(r.First, d.First), Max: cmp.Or(r.Max, d.Max), Pos: r.Pos,
	}
}

// DeliveryRetry and CallRetry are what deliveries of events and calls of
// other contexts do when the contract does not say.
var (
	DeliveryRetry = Retry{Attempts: 15, First: 500 * time.Millisecond, Max: 15 * time.Minute}
	CallRetry     = Retry{Attempts: 4, First: 50 * time.Millisecond, Max: time.Second}
)

// A Call is a call of one context's API.
type Call struct {
	Context *Context
	Method  *Method
}

// A Policy is what calls of another context do when it is slow or down.
type Policy struct {
	// Target is the context that is called, and Method the one call that the
	// policy is for, or nil for all of them.
	Target *Context
	Method *Method
	// Timeout bounds one attempt; 0 is the default.
	Timeout time.Duration
	Retry   Retry
	// Breaker is nil for calls that are never stopped.
	Breaker *Breaker
	// MaxConcurrent is the most calls at one time; 0 means any number.
	MaxConcurrent int
	// Fallback tells whether a handler answers a call that failed.
	Fallback bool
	Pos      Pos
}

// Name returns what the policy is for, as the contract writes it: a context,
// or one of its calls.
func (p *Policy) Name() string {
	if p.Method == nil {
		return p.Target.Name
	}
	return p.Target.Name + "." + p.Method.Name
}

// A Breaker stops calls when Failures of the last Window ones failed, for
// Open.
type Breaker struct {
	Failures, Window int
	Open             time.Duration
	Pos              Pos
}

func (b *builder) retry(o option) Retry {
	r, ok := o.message("retry")
	if !ok {
		return Retry{}
	}
	return Retry{
		Attempts: int(r.count("attempts")),
		First:    b.duration(r, "first_delay", diag.RetryPolicy),
		Max:      b.duration(r, "max_delay", diag.RetryPolicy),
		Pos:      r.pos(),
	}
}

// duration returns a field's Go duration, or 0 for an empty one; one that is
// none, or not positive, is reported.
func (b *builder) duration(o option, name protoreflect.Name, rule diag.Rule) time.Duration {
	text := o.text(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		b.report(diag.New(rule, o.posOf(name), fmt.Sprintf("%s %q is no duration", name, text)).Because(
			"it is a positive Go duration: a number with a unit", `write for example "500ms", "10s" or "1m30s"`))
		return 0
	}
	return d
}

func (b *builder) policies(w wiring) {
	for _, o := range w.option.messages("policies") {
		p := b.policy(w.context, o)
		if p == nil {
			continue
		}
		w.context.Policies = append(w.context.Policies, p)
	}
}

func (b *builder) policy(c *Context, o option) *Policy {
	name := textAt{o.text("call"), o.posOf("call")}
	target, method, ok := b.callee(c, name, diag.CallPolicy)
	if !ok {
		return nil
	}
	p := &Policy{
		Target: target, Method: method, Timeout: b.duration(o, "timeout", diag.CallPolicy), Retry: b.retry(o),
		MaxConcurrent: int(o.count("max_concurrent")), Fallback: o.truth("fallback"), Pos: o.pos(),
	}
	if br, ok := o.message("breaker"); ok {
		p.Breaker = &Breaker{
			Failures: int(br.count("failures")), Window: int(br.count("window")),
			Open: b.duration(br, "open", diag.CallPolicy), Pos: br.pos(),
		}
	}
	return p
}

// callee resolves "userprofile" to a context that c calls, and
// "userprofile.GetUser" to one of its calls as well.
func (b *builder) callee(c *Context, name textAt, rule diag.Rule) (*Context, *Method, bool) {
	contextName, methodName, isMethod := strings.Cut(name.text, ".")
	target := calledBy(c, contextName)
	if target == nil {
		if contextName == c.Name {
			b.report(diag.New(rule, name.pos, fmt.Sprintf("%s calls itself", c.Name)).Because(
				"a context reaches its own data in its own transactions", "do it in the handler or step around the call, and call other contexts"))
		} else if !b.broken[contextName] {
			b.report(diag.New(rule, name.pos, fmt.Sprintf("%s does not call %q", c.Name, contextName)).Because(
				"only what a context lists under calls has a client", suggestCall(c, contextName)))
		}
		return nil, nil, false
	}
	if !isMethod {
		return target, nil, true
	}
	for _, m := range target.Service.Methods {
		if m.Name == methodName {
			return target, m, true
		}
	}
	b.report(diag.New(rule, name.pos, fmt.Sprintf("%s has no call %q", target.Name, methodName)).Because(
		"it has to be a call of "+target.Service.Name, diag.Suggest(methodName, methodNames(target.Service))))
	return nil, nil, false
}

func calledBy(c *Context, name string) *Context {
	for _, other := range c.Calls {
		if other.Name == name {
			return other
		}
	}
	return nil
}

func suggestCall(c *Context, name string) string {
	var names []string
	for _, other := range c.Calls {
		names = append(names, other.Name)
	}
	if diag.Near(name, names) {
		return diag.Suggest(name, names)
	}
	return fmt.Sprintf("add calls: %q to the context of %s", name, c.Name)
}

func methodNames(s *Service) []string {
	names := make([]string, len(s.Methods))
	for i, m := range s.Methods {
		names[i] = m.Name
	}
	return names
}
