// Package problem says over HTTP why a request failed: problem details as RFC
// 9457 has them, with the code that decides what a program does next.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

// ContentType is the media type of problem details.
const ContentType = "application/problem+json"

// Path is where the types of problems are: a problem's type is Path and its
// code with hyphens, "/problems/not-found".
const Path = "/problems/"

// A Problem is why a request failed. It is sent as it is, so it holds nothing
// that the caller must not see.
type Problem struct {
	// Type identifies the kind of problem by a path below [Path].
	Type string `json:"type"`
	// Title is the kind of problem for people.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail is what went wrong this time, for people.
	Detail string `json:"detail,omitempty"`
	// Instance is the path of the request.
	Instance string `json:"instance,omitempty"`
	// Code is the kind of problem for programs, "not_found".
	Code string `json:"code"`
	// Errors are the fields of the request that are wrong.
	Errors []Violation `json:"errors,omitempty"`
	// RetryAfter is how long the caller should wait before it asks again; 0
	// means that the problem does not say.
	RetryAfter time.Duration `json:"-"`
	// Allow are the methods that the resource has, for a problem about the
	// method.
	Allow []string `json:"-"`
}

// A Violation is one field of a request that is wrong.
type Violation struct {
	// Field is the path of the field as the request has it,
	// "answers[2].questionId".
	Field string `json:"field"`
	// Detail says what is wrong with it, as the rest of a sentence that begins
	// with the field: "is required".
	Detail string `json:"detail"`
}

// New returns a problem of a kind, which is one of [Kinds].
func New(code, detail string) *Problem {
	k, ok := kindOf[code]
	if !ok {
		k = kindOf["unknown"]
	}
	return &Problem{Type: k.Type(), Title: k.Title, Status: k.Status, Detail: detail, Code: k.Code}
}

// Error returns the code and the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// retryUnavailable is what a caller is told to wait when a context is away.
const retryUnavailable = time.Second

// Of returns the problem that an error of a call is. An error that is none of
// the caller's business says no more than its code: the log has it.
func Of(err error) *Problem {
	var own *Problem
	if errors.As(err, &own) {
		return own
	}
	code := connect.CodeOf(err)
	p := New(code.String(), Detail(err))
	p.Errors = violations(err)
	p.RetryAfter = rpc.RetryDelay(err)
	if code == connect.CodeUnavailable {
		p.RetryAfter = max(p.RetryAfter, retryUnavailable)
	}
	return p
}

// Invalid returns the problem of one field that is wrong.
func Invalid(field, detail string) *Problem {
	p := New("invalid_argument", field+" "+detail)
	p.Errors = []Violation{{field, detail}}
	return p
}

// violations returns the fields that a call says are wrong, by their names in
// the contract.
func violations(err error) []Violation {
	var own *connect.Error
	if !errors.As(err, &own) {
		return nil
	}
	var list []Violation
	for _, detail := range own.Details() {
		message, err := connectproto.UnmarshalErrorDetail(detail)
		bad, ok := message.(*errdetails.BadRequest)
		if err != nil || !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			list = append(list, Violation{v.GetField(), v.GetDescription()})
		}
	}
	return list
}

// Detail returns what the caller may see of an error of a call: what its
// handler said to the caller, and nothing of errors on the way to it, which
// tell of addresses and of the code.
func Detail(err error) string {
	var own *connect.Error
	if !errors.As(err, &own) {
		return ""
	}
	if !own.IsRemote() && own.Unwrap() != nil && connect.CodeOf(err) == connect.CodeUnavailable {
		return "the service is not available now"
	}
	return own.Message()
}

// Write answers a request with the problem.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	p.SetHeaders(h)
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	sent := *p
	sent.Instance = r.URL.EscapedPath()
	body, _ := json.Marshal(&sent) // strings and numbers always encode
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

// SetHeaders sets what the problem says outside of its body: who may ask, with
// what, and when again.
func (p *Problem) SetHeaders(h http.Header) {
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(p.RetryAfter)))
	}
	if len(p.Allow) > 0 {
		h.Set("Allow", strings.Join(p.Allow, ", "))
	}
}

// seconds rounds up, so that who waits that long is not too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
