package service

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// A retryView is a retry as the templates print it; zero fields are left out.
type retryView struct {
	Attempts   int
	First, Max time.Duration
}

// Set tells whether the contract says anything.
func (r retryView) Set() bool { return r != retryView{} }

func retryOf(r model.Retry) retryView { return retryView{r.Attempts, r.First, r.Max} }

// text returns the retry as Go code, a value of the type named policy.
func (r retryView) text(policy string, ident func(path, name string) string) string {
	var fields []string
	if r.Attempts > 0 {
		fields = append(fields, fmt.Sprintf("Attempts: %d", r.Attempts))
	}
	if r.First > 0 {
		fields = append(fields, "First: "+durationText(r.First, ident))
	}
	if r.Max > 0 {
		fields = append(fields, "Max: "+durationText(r.Max, ident))
	}
	return policy + "{" + strings.Join(fields, ", ") + "}"
}

type policyView struct {
	// Procedure is the zero Ident for the policy of a whole context.
	Procedure     gofile.Ident
	Timeout       time.Duration
	Retry         retryView
	Breaker       *model.Breaker
	MaxConcurrent int
	Fallback      *fallbackView
}

// Single tells whether the policy is for one call.
func (p policyView) Single() bool { return p.Procedure.Name != "" }

// A fallbackView is a method of the Handler that answers a call that failed.
type fallbackView struct {
	Name, Call    string
	Input, Output gofile.Ident
}

// Doc is the comment of the method.
func (f fallbackView) Doc() string {
	return fmt.Sprintf("%s answers the query handlers and other callers of %s while that context is down; cause says how the call failed. Returning cause leaves the call failed.", f.Name, f.Call)
}

// FallbackName is the Handler's method that answers a call of another context,
// for example FallbackUserProfileGetUser.
func FallbackName(p *model.Policy) string {
	return "Fallback" + clientField(p.Target.Service) + p.Method.Name
}

// CallingConsumers tells whether a consumer needs the clients.
func (v *view) CallingConsumers() bool { return v.External && len(v.Clients) > 0 }

func clientField(s *model.Service) string { return strings.TrimSuffix(s.Name, "Service") }

// client returns the client of another context, and adds its fallbacks.
func (v *view) client(c *model.Context) clientView {
	pkg := connectPackage(c.Service)
	client := clientView{
		Field: clientField(c.Service), Context: c.Name,
		Interface: pkg.Ident(c.Service.Name + "Client"), New: pkg.Ident("New" + c.Service.Name + "Client"),
	}
	for _, p := range v.context.Policies {
		if p.Target == c {
			client.Policies = append(client.Policies, v.policy(p))
		}
	}
	return client
}

func (v *view) policy(p *model.Policy) policyView {
	view := policyView{Timeout: p.Timeout, Retry: retryOf(p.Retry), Breaker: p.Breaker, MaxConcurrent: p.MaxConcurrent}
	if p.Method == nil {
		return view
	}
	view.Procedure = connectPackage(p.Target.Service).Ident(p.Target.Service.Name + p.Method.Name + "Procedure")
	if p.Fallback {
		view.Fallback = &fallbackView{
			Name: FallbackName(p), Call: p.Name(), Input: messageIdent(p.Method.Input), Output: messageIdent(p.Method.Output),
		}
		v.Fallbacks = append(v.Fallbacks, *view.Fallback)
	}
	return view
}
