package graphql

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
)

// fail makes a slot null and reports why.
func (r *run) fail(s *slot, f *graphql.CollectedField, err error) {
	s.fail()
	e := r.fault(err)
	e.Path = s.path()
	if f.Position != nil {
		e.Locations = []gqlerror.Location{{Line: f.Position.Line, Column: f.Position.Column}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, e)
}

// fault returns an error as the caller may see it. What is hidden is logged.
func (e *executable) fault(err error) *gqlerror.Error {
	var own *connect.Error
	var known *problem.Problem
	if !errors.As(err, &own) && !errors.As(err, &known) {
		e.log.Error("a GraphQL field failed", "error", err)
		return &gqlerror.Error{Message: "internal error", Extensions: map[string]any{"code": "INTERNAL"}}
	}
	p := problem.Of(err)
	if p.Status >= http.StatusInternalServerError {
		e.log.Warn("a call for GraphQL failed", "code", p.Code, "error", err)
	}
	extensions := map[string]any{"code": strings.ToUpper(p.Code)}
	if len(p.Errors) > 0 {
		extensions["errors"] = inJSON(p.Errors)
	}
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	return &gqlerror.Error{Message: message, Extensions: extensions}
}

// inJSON names fields as the schema does: answers[2].questionId for
// answers[2].question_id.
func inJSON(list []problem.Violation) []problem.Violation {
	renamed := make([]problem.Violation, len(list))
	for i, v := range list {
		parts := strings.Split(v.Field, "_")
		for j, part := range parts[1:] {
			if part != "" {
				parts[j+1] = strings.ToUpper(part[:1]) + part[1:]
			}
		}
		renamed[i] = problem.Violation{Field: strings.Join(parts, ""), Detail: v.Detail}
	}
	return renamed
}
