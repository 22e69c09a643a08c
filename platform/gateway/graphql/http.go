package graphql

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// The media types of answers. The first one says by the status whether the
// operation was sound, the second one does not.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// overHTTP is GraphQL over HTTP: POST, and GET for queries.
type overHTTP struct{ maxBytes int64 }

var _ graphql.Transport = overHTTP{}

// Supports implements [graphql.Transport].
func (overHTTP) Supports(r *http.Request) bool { return r.Header.Get("Upgrade") == "" }

// Do implements [graphql.Transport].
func (t overHTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media := mediaOf(r.Header.Values("Accept"))
	if media == "" {
		problem.New("not_acceptable", "the answer is "+mediaGraphQL+" or "+mediaJSON).Write(w, r)
		return
	}
	params, p := t.params(w, r)
	if p != nil {
		p.Write(w, r)
		return
	}
	ctx := r.Context()
	if key := r.Header.Get(rpc.HeaderIdempotencyKey); key != "" {
		ctx = rpc.WithKey(ctx, key)
	}
	operation, errs := exec.CreateOperationContext(ctx, params)
	switch {
	case errs != nil:
		chooseOperation(params, errs)
		write(w, media, refusal(media), exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs))
		return
	case r.Method != http.MethodPost && operation.Operation.Operation != ast.Query:
		p := problem.New("method_not_allowed", "GET is for queries: send this operation by POST")
		p.Allow = []string{http.MethodPost}
		p.Write(w, r)
		return
	case operation.Operation.Operation == ast.Subscription:
		problem.New("invalid_argument", "a subscription needs a websocket with the subprotocol graphql-transport-ws").Write(w, r)
		return
	}
	respond, ctx := exec.DispatchOperation(ctx, operation)
	write(w, media, http.StatusOK, respond(ctx))
}

// chooseOperation says what to do in the place of gqlgen's words, which are that
// an operation without a name is not found.
func chooseOperation(params *graphql.RawParams, errs gqlerror.List) {
	if params.OperationName == "" && len(errs) == 1 && errs[0].Message == "operation  not found" {
		errs[0].Message = "the document has several operations: say which one to run, in operationName"
	}
}

// refusal is the status of an operation that is not sound.
func refusal(media string) int {
	if media == mediaGraphQL {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// sent is an answer on its way. Without data nothing was run.
type sent struct {
	Errors gqlerror.List   `json:"errors,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

func write(w http.ResponseWriter, media string, status int, answer *graphql.Response) {
	var body bytes.Buffer
	if answer == nil { // the caller went away, or its time is up
		status = http.StatusGatewayTimeout
		answer = &graphql.Response{Errors: gqlerror.List{{Message: "the operation did not finish in time", Extensions: map[string]any{"code": "DEADLINE_EXCEEDED"}}}}
	}
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(sent{answer.Errors, answer.Data}); err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", media+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client may be gone
}

// mediaOf chooses the media type of an answer, "" when Accept excludes both.
func mediaOf(accept []string) string {
	if len(accept) == 0 {
		return mediaJSON
	}
	for entry := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, parameters, err := mime.ParseMediaType(entry)
		if err != nil || parameters["q"] == "0" || parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8") {
			continue
		}
		switch media {
		case mediaGraphQL:
			return mediaGraphQL
		case mediaJSON, "*/*", "application/*":
			return mediaJSON
		}
	}
	return ""
}

// params reads a request.
func (t overHTTP) params(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem.Problem) {
	var params *graphql.RawParams
	var p *problem.Problem
	switch r.Method {
	case http.MethodPost:
		params, p = t.posted(w, r)
	case http.MethodGet, http.MethodHead:
		params, p = queried(r)
	default:
		p = problem.New("method_not_allowed", "GraphQL takes POST, and GET for queries")
		p.Allow = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	if p == nil && params.Query == "" {
		p = problem.Invalid("query", "is required")
	}
	if params != nil {
		params.Headers = r.Header
	}
	return params, p
}

func (t overHTTP) posted(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem.Problem) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8") {
		return nil, problem.New("unsupported_media_type", "the body has to be JSON: send it with the header Content-Type: application/json")
	}
	if t.maxBytes > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, t.maxBytes)
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem.New("content_too_large", "the body has more than "+strconv.FormatInt(large.Limit, 10)+" bytes")
	case err != nil:
		return nil, problem.New("invalid_argument", "the body broke off")
	}
	return parse(body)
}

// posted is the body of a request.
type posted struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

func parse(body []byte) (*graphql.RawParams, *problem.Problem) {
	var b posted
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	err := decoder.Decode(&b)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return nil, problem.Invalid(wrong.Field, "has another type than GraphQL over HTTP gives it")
	}
	if err != nil {
		return nil, problem.New("invalid_argument", "the body is not a JSON object with query, operationName, variables and extensions")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, problem.New("invalid_argument", "the body goes on after its JSON object")
	}
	return &graphql.RawParams{Query: b.Query, OperationName: b.OperationName, Variables: b.Variables, Extensions: b.Extensions}, nil
}

// queried reads a GET request. Browsers send one without asking for any page
// that contains its address, so it is taken from other sites only with a header
// that such a page cannot send.
func queried(r *http.Request) (*graphql.RawParams, *problem.Problem) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" && r.Header.Get("Graphql-Require-Preflight") == "" {
		return nil, problem.New("permission_denied", "a GET from a page of another site needs the header GraphQL-Require-Preflight: true")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.New("invalid_argument", "the query is not of the form name=value&name=value, percent-encoded")
	}
	params := &graphql.RawParams{Query: q.Get("query"), OperationName: q.Get("operationName")}
	for name, to := range map[string]*map[string]any{"variables": &params.Variables, "extensions": &params.Extensions} {
		decoder := json.NewDecoder(strings.NewReader(q.Get(name)))
		decoder.UseNumber()
		if q.Get(name) != "" && decoder.Decode(to) != nil {
			return nil, problem.Invalid(name, "is not a JSON object")
		}
	}
	return params, nil
}
