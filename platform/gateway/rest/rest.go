// Package rest serves calls as a REST API: JSON over the routes that the
// contracts give them. The path, the query and the body fill the request; the
// answer is its JSON form as protobuf defines it; what fails is a problem as
// package problem has it.
package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// Prefix is where every REST API is.
const Prefix = "/api/"

// A Handler serves the routes of a set of contexts. It is safe for concurrent
// use.
type Handler struct {
	invoker *gateway.Invoker
	root    node
	config  Config
}

// Config says who hears of requests.
type Config struct {
	// Log gets what callers do not get to see.
	Log *slog.Logger
	// Routed is told which route a request has, before it is served, for
	// example "POST" and "/api/v1/quizzes/{quiz_id}/attempts". It may be nil.
	Routed func(ctx context.Context, method, route string)
}

// New returns a handler of all routes of the APIs, whose calls it makes
// through invoker. It fails when two calls have the same route, or one is not
// below [Prefix].
func New(invoker *gateway.Invoker, c Config, apis ...gateway.API) (*Handler, error) {
	h := &Handler{invoker: invoker, config: c}
	for _, api := range apis {
		for _, m := range api.Methods {
			if m.Route.Path == "" {
				continue
			}
			if !strings.HasPrefix(m.Route.Path, Prefix) {
				return nil, fmt.Errorf("%s has the route %s, which is not below %s", m.Procedure, m.Route.Path, Prefix)
			}
			if err := h.root.add(m); err != nil {
				return nil, err
			}
		}
	}
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place, segments := h.root.find(r.URL.EscapedPath())
	if place == nil {
		problem.New("not_found", "there is no such path; /openapi.json lists all").Write(w, r)
		return
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", strings.Join(place.verbs(), ", "))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	route := place.routes[verb(r.Method)]
	if route == nil {
		p := problem.New("method_not_allowed", "this path does not have the method of the request")
		p.Allow = place.verbs()
		p.Write(w, r)
		return
	}
	if h.config.Routed != nil {
		h.config.Routed(r.Context(), r.Method, route.Route.Path)
	}
	if p := h.serve(w, r, route, segments); p != nil {
		p.Write(w, r)
	}
}

// verb is the method that a request is served by: HEAD is GET without the
// body, which net/http leaves out.
func verb(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

// serve makes the call of a route and answers, or returns why not.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, route *route, segments []string) *problem.Problem {
	if !acceptable(r.Header.Values("Accept")) {
		return problem.New("not_acceptable", "the answer is application/json, which the header Accept excludes")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New("invalid_argument", "the query is not of the form name=value&name=value, percent-encoded")
	}
	body, p := read(r, route)
	if p != nil {
		return p
	}
	request, p := route.bind(segments, query, body)
	if p != nil {
		return p
	}
	answer, err := h.call(w, r, route, request)
	if err != nil {
		return h.failed(r, route, err)
	}
	text, err := encode(answer)
	if err != nil {
		return h.failed(r, route, fmt.Errorf("encode the answer of %s: %w", route.Procedure, err))
	}
	if link := nextPage(r.URL, query, answer.ProtoReflect()); link != "" {
		w.Header().Set("Link", link)
	}
	write(w, r, route.Query, text)
	return nil
}

func (h *Handler) call(w http.ResponseWriter, r *http.Request, route *route, request proto.Message) (proto.Message, error) {
	ctx, info := connect.NewClientContext(r.Context())
	if key := r.Header.Get(rpc.HeaderIdempotencyKey); key != "" && !route.Query {
		info.RequestHeader().Set(rpc.HeaderIdempotencyKey, key)
	}
	answer, err := h.invoker.Invoke(ctx, route.Procedure, request)
	if replayed := info.ResponseHeader().Get(rpc.HeaderIdempotencyReplayed); replayed != "" {
		w.Header().Set(rpc.HeaderIdempotencyReplayed, replayed)
	}
	return answer, err
}

// failed returns the problem that an error of a call is. What the caller does
// not get to see is logged.
func (h *Handler) failed(r *http.Request, route *route, err error) *problem.Problem {
	p := problem.Of(err)
	for i := range p.Errors {
		p.Errors[i].Field = route.nameOf(p.Errors[i].Field)
	}
	if p.Status >= http.StatusInternalServerError {
		h.config.Log.WarnContext(r.Context(), "a REST call failed", "procedure", route.Procedure, "code", p.Code, "error", err)
	}
	return p
}

// read returns the body of a request that has one.
func read(r *http.Request, route *route) ([]byte, *problem.Problem) {
	if !route.inBody() {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem.New("content_too_large", "the body has more than "+strconv.FormatInt(large.Limit, 10)+" bytes")
	case err != nil:
		return nil, problem.New("invalid_argument", "the body broke off")
	case len(body) > 0 && !isJSON(r.Header):
		return nil, problem.New("unsupported_media_type", "the body has to be JSON without compression: send it with the header Content-Type: application/json")
	}
	return body, nil
}

func isJSON(h http.Header) bool {
	media, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return false
	}
	charset, encoding := parameters["charset"], h.Get("Content-Encoding")
	return (charset == "" || strings.EqualFold(charset, "utf-8")) && (encoding == "" || encoding == "identity")
}

// acceptable tells whether an Accept header takes JSON.
func acceptable(header []string) bool {
	if len(header) == 0 {
		return true
	}
	best, accepted := -1, false
	for entry := range strings.SplitSeq(strings.Join(header, ","), ",") {
		media, parameters, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		if rank := precision(media); rank > best {
			quality, err := strconv.ParseFloat(parameters["q"], 64)
			best, accepted = rank, err != nil || quality > 0
		}
	}
	return accepted
}

// precision says how exactly a media range of an Accept header means JSON, -1
// when it does not.
func precision(media string) int {
	switch media {
	case "*/*":
		return 0
	case "application/*":
		return 1
	case "application/json":
		return 2
	}
	return -1
}
