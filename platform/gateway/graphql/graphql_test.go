package graphql

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/99designs/gqlgen/graphql/introspection"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/rpc"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	got := w.post(`query($s: ID!, $all: Boolean!) {
		page: listBadges(studentId: $s, pageSize: 2) {
			__typename
			badges { ...leaves note @include(if: $all) id ... on Badge { seal } }
			nextPageToken
		}
	}
	fragment leaves on Badge { id kind points share awardedAt counts }`, map[string]any{"s": "ada", "all": true})
	const want = `{"data":{"page":{"__typename":"ListBadgesResponse","badges":[` +
		`{"id":"b1","kind":"KIND_ACE","points":"9007199254740993","share":0.5,"awardedAt":"2026-05-01T12:00:00Z","counts":{"a":1,"b":2},"note":"n","seal":"AQI="},` +
		`{"id":"b2","kind":"KIND_UNSPECIFIED","points":"0","share":0,"awardedAt":null,"counts":{},"note":null,"seal":""},` +
		`{"id":"b3","kind":"KIND_UNSPECIFIED","points":"0","share":0,"awardedAt":null,"counts":{},"note":null,"seal":""}],"nextPageToken":"t"}}}` + "\n"
	if got.Code != 200 || got.Body.String() != want {
		t.Errorf("%d\ngot  %s\nwant %s", got.Code, got.Body, want)
	}
}

// TestBatches counts calls: one for the list, and one for each level of users,
// however many badges and relations there are.
func TestBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	got := w.post(`{ listBadges(studentId: "ada") { badges { id student { name mentor { name } } awardedByUser { name } witnesses { id } } } }`, nil)
	const want = `{"data":{"listBadges":{"badges":[` +
		`{"id":"b1","student":{"name":"ADA","mentor":{"name":"TESS"}},"awardedByUser":{"name":"TESS"},"witnesses":[{"id":"ben"}]},` +
		`{"id":"b2","student":{"name":"ADA","mentor":{"name":"TESS"}},"awardedByUser":null,"witnesses":[]},` +
		`{"id":"b3","student":{"name":"BEN","mentor":{"name":"TESS"}},"awardedByUser":null,"witnesses":[]}]}}}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got  %s\nwant %s", got.Body, want)
	}
	// ada, ben, gone and tess are two batches of three at most; the mentors are loaded already.
	if want := []string{"ListBadges", "BatchGetUsers", "BatchGetUsers"}; !slices.Equal(w.calls, want) {
		t.Errorf("made the calls %v, want %v", w.calls, want)
	}
}

func TestOneBatchForManyObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.answer = func(call string, request proto.Message) (string, error) {
		if call != "ListBadges" {
			return campusAnswers(call, request)
		}
		var badges []string
		for i := range 100 {
			badges = append(badges, fmt.Sprintf(`{"id":"b%d","studentId":"%s"}`, i, []string{"ada", "ben"}[i%2]))
		}
		return `{"badges":[` + strings.Join(badges, ",") + `]}`, nil
	}
	got := w.post(`{ listBadges(studentId: "ada") { badges { student { name mentor { mentorId } } } } }`, nil)
	if n := strings.Count(got.Body.String(), `"name":"ADA"`); n != 50 {
		t.Errorf("ada stands there %d times", n)
	}
	if want := []string{"ListBadges", "BatchGetUsers", "BatchGetUsers"}; !slices.Equal(w.calls, want) {
		t.Errorf("made the calls %v, want one for the students and one for their mentors", w.calls)
	}
}

func TestMutations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	got := w.post(`mutation($in: AwardInput!) { award(input: $in) { badge { id student { name } } } clear { ok } again: award(input: {studentId: "ben", points: "9007199254740993"}) { badge { id } } }`,
		map[string]any{"in": map[string]any{"studentId": "ada", "kind": "KIND_ACE", "at": "2026-05-01T12:00:00Z"}}, rpc.HeaderIdempotencyKey, "k")
	const want = `{"data":{"award":{"badge":{"id":"b4","student":{"name":"ADA"}}},"clear":{"ok":true},"again":{"badge":{"id":"b4"}}}}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s", got.Body)
	}
	if want := []string{"Award", "BatchGetUsers", "Clear", "Award"}; !slices.Equal(w.calls, want) {
		t.Errorf("made the calls %v, want %v", w.calls, want)
	}
	if w.keys[0] == "" || w.keys[0] == w.keys[3] || !strings.HasPrefix(w.keys[0], "k/") || w.keys[1] != "" {
		t.Errorf("the keys are %q", w.keys)
	}
}

type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Locations  []struct{ Line, Column int }
		Extensions map[string]any
	}
}

func decodeAnswer(t *testing.T, text []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return a
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.answer = func(call string, request proto.Message) (string, error) {
		switch call {
		case "BatchGetUsers":
			return "", connect.NewError(connect.CodePermissionDenied, "for teachers")
		case "Award":
			return "", rpc.Invalid("student_id", "is required")
		case "Clear":
			return "", errors.New("secret")
		}
		return campusAnswers(call, request)
	}
	got := decodeAnswer(t, w.post(`{ listBadges(studentId: "ada") { badges { id student { name } } } }`, nil).Body.Bytes())
	if string(got.Data) != `{"listBadges":{"badges":[{"id":"b1","student":null},{"id":"b2","student":null},{"id":"b3","student":null}]}}` || len(got.Errors) != 3 {
		t.Fatalf("got %s with %d errors", got.Data, len(got.Errors))
	}
	e := got.Errors[1]
	if fmt.Sprint(e.Path) != "[listBadges badges 1 student]" || e.Message != "for teachers" || e.Extensions["code"] != "PERMISSION_DENIED" || e.Locations[0].Line != 1 {
		t.Errorf("got %+v", e)
	}
	got = decodeAnswer(t, w.post(`mutation { a: award(input: {studentId: ""}) { badge { id } } b: clear { ok } }`, nil).Body.Bytes())
	if string(got.Data) != `{"a":null,"b":null}` || len(got.Errors) != 2 {
		t.Fatalf("got %s with %+v", got.Data, got.Errors)
	}
	if e := got.Errors[0]; e.Extensions["code"] != "INVALID_ARGUMENT" || fmt.Sprint(e.Extensions["errors"]) != "[map[detail:is required field:studentId]]" {
		t.Errorf("got %+v", e)
	}
	if e := got.Errors[1]; e.Extensions["code"] != "UNKNOWN" || strings.Contains(e.Message, "secret") {
		t.Errorf("got %+v", e)
	}
	got = decodeAnswer(t, w.post(`mutation { award(input: {studentId: "a", at: "noon"}) { badge { id } } }`, nil).Body.Bytes())
	if len(got.Errors) != 1 || fmt.Sprint(got.Errors[0].Extensions["errors"]) != "[map[detail:has a value that its scalar does not take field:at]]" {
		t.Errorf("a wrong scalar: %+v", got.Errors)
	}
}

// TestNullsSpread has a value that its type does not allow in an element that
// must not be null, in a list that must not, in an answer that may.
func TestNullsSpread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Config{})
	w.answer = func(string, proto.Message) (string, error) {
		return `{"badges":[{"id":"b1"},{"id":"b2","share":"NaN"}]}`, nil
	}
	got := decodeAnswer(t, w.post(`{ a: listBadges(studentId: "x") { badges { id share } } b: listBadges(studentId: "x") { badges { id } } }`, nil).Body.Bytes())
	if string(got.Data) != `{"a":null,"b":{"badges":[{"id":"b1"},{"id":"b2"}]}}` || len(got.Errors) != 1 || fmt.Sprint(got.Errors[0].Path) != "[a badges 1 share]" {
		t.Errorf("got %s, %+v", got.Data, got.Errors)
	}
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	open, closed := newWorld(t, Config{Introspection: true}), newWorld(t, Config{})
	got := decodeAnswer(t, open.post(introspection.Query, nil).Body.Bytes())
	var schema struct {
		Schema struct {
			QueryType, MutationType, SubscriptionType struct{ Name string }
			Types                                     []struct {
				Kind, Name string
				Fields     []struct {
					Name string
					Type struct{ Kind string }
				}
			}
		} `json:"__schema"`
	}
	if err := json.Unmarshal(got.Data, &schema); err != nil || len(got.Errors) > 0 {
		t.Fatalf("%v %+v", err, got.Errors)
	}
	found := false
	for _, typ := range schema.Schema.Types {
		if typ.Name == "Badge" && typ.Kind == "OBJECT" && len(typ.Fields) == 14 && typ.Fields[0].Name == "id" && typ.Fields[0].Type.Kind == "NON_NULL" {
			found = true
		}
	}
	if !found || schema.Schema.QueryType.Name != "Query" || schema.Schema.SubscriptionType.Name != "Subscription" {
		t.Errorf("got %+v", schema)
	}
	for _, query := range []string{`{ __schema { types { name } } }`, `{ __type(name: "Badge") { name } }`} {
		got := closed.post(query, nil)
		if a := decodeAnswer(t, got.Body.Bytes()); len(a.Errors) != 1 || strings.Contains(got.Body.String(), "Badge") && strings.Contains(string(a.Data), "Badge") {
			t.Errorf("%s: %s", query, got.Body)
		}
	}
	if got := closed.post(`{ listBadge(studentId: "x") { nextPageToken } }`, nil).Body.String(); strings.Contains(got, "listBadges") {
		t.Errorf("a mistake is answered with a name of the schema: %s", got)
	}
	if got := closed.post(`{ __typename }`, nil).Body.String(); got != `{"data":{"__typename":"Query"}}`+"\n" {
		t.Errorf("got %s", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{Bytes: 4000, Depth: 4, Complexity: 300, Aliases: 3}
	bombs := "query { listBadges(studentId: \"x\", pageSize: 1) { ...f0 } }"
	for i := range 24 {
		bombs += fmt.Sprintf(" fragment f%d on ListBadgesResponse { ...f%d ...f%d }", i, i+1, i+1)
	}
	bombs += " fragment f24 on ListBadgesResponse { nextPageToken badges { a: id b: id c: id d: id } }"
	for name, test := range map[string]struct {
		query     string
		variables map[string]any
		code      string
	}{
		"within":               {`query($n: Int) { listBadges(studentId: "x", pageSize: $n) { badges { student { name } } } }`, map[string]any{"n": 90}, ""},
		"deep":                 {`{ listBadges(studentId: "x") { badges { student { mentor { name } } } } }`, nil, "DEPTH_LIMIT_EXCEEDED"},
		"complex":              {`query($n: Int) { listBadges(studentId: "x", pageSize: $n) { badges { student { name } } } }`, map[string]any{"n": 110}, "COMPLEXITY_LIMIT_EXCEEDED"},
		"complex by default":   {`{ listBadges(studentId: "x") { badges { id kind points share note seal } } }`, nil, "COMPLEXITY_LIMIT_EXCEEDED"},
		"aliases":              {`{ a: __typename b: __typename c: __typename d: __typename }`, nil, "ALIAS_LIMIT_EXCEEDED"},
		"a fragment bomb":      {bombs, nil, "COMPLEXITY_LIMIT_EXCEEDED"},
		"a huge page":          {`{ listBadges(studentId: "x", pageSize: 2147483647) { badges { id } } }`, nil, "COMPLEXITY_LIMIT_EXCEEDED"},
		"introspection nested": {`{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
	} {
		w := newWorld(t, Config{Limits: limits, Introspection: true})
		got := w.post(test.query, test.variables)
		a := decodeAnswer(t, got.Body.Bytes())
		code := ""
		if len(a.Errors) > 0 {
			code, _ = a.Errors[0].Extensions["code"].(string)
		}
		if code != test.code || (got.Code == 400) != (code != "") {
			t.Errorf("%s: %d %s, want the code %q", name, got.Code, got.Body, test.code)
		}
		if test.code != "" && (len(w.calls) > 0 || len(a.Data) > 0) {
			t.Errorf("%s: was run: %v %s", name, w.calls, a.Data)
		}
	}
	w := newWorld(t, Config{Limits: limits})
	if got := w.post(`{ __typename } # `+strings.Repeat("x", 5000), nil); got.Code != 413 {
		t.Errorf("a large request: %d", got.Code)
	}
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	const query = `{"query":"{ __typename }"}`
	get := "/graphql?query=" + url.QueryEscape("query A { __typename } query B { x: __typename }")
	asJSON := []string{"Content-Type", "application/json"}
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		media, part                string
	}{
		{"JSON for whoever does not say", "POST", "/graphql", query, asJSON, 200, mediaJSON, `"data":{"__typename":"Query"}`},
		{"JSON for whoever takes anything", "POST", "/graphql", query, append([]string{"Accept", "*/*"}, asJSON...), 200, mediaJSON, `"data"`},
		{"the own media type", "POST", "/graphql", query, append([]string{"Accept", mediaGraphQL + ", application/json;q=0.9"}, asJSON...), 200, mediaGraphQL, `"data"`},
		{"another media type", "POST", "/graphql", query, append([]string{"Accept", "text/html"}, asJSON...), 406, "", "not_acceptable"},
		{"a form", "POST", "/graphql", "query=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "", "unsupported_media_type"},
		{"plain text, which needs no preflight", "POST", "/graphql", query, []string{"Content-Type", "text/plain"}, 415, "", "unsupported_media_type"},
		{"no JSON", "POST", "/graphql", "{", asJSON, 400, "", "invalid_argument"},
		{"a list", "POST", "/graphql", "[" + query + "]", asJSON, 400, "", "invalid_argument"},
		{"more than one object", "POST", "/graphql", query + " " + query, asJSON, 400, "", "goes on after"},
		{"no query", "POST", "/graphql", "{}", asJSON, 400, "", `"field":"query"`},
		{"a query of another type", "POST", "/graphql", `{"query":1}`, asJSON, 400, "", `"field":"query"`},
		{"variables of another type", "POST", "/graphql", `{"query":"{ __typename }","variables":[1]}`, asJSON, 400, "", `"field":"variables"`},
		{"a syntax error for the old media type", "POST", "/graphql", `{"query":"{"}`, asJSON, 200, mediaJSON, "GRAPHQL_PARSE_FAILED"},
		{"a syntax error for the new one", "POST", "/graphql", `{"query":"{"}`, append([]string{"Accept", mediaGraphQL}, asJSON...), 400, mediaGraphQL, "GRAPHQL_PARSE_FAILED"},
		{"GET", "GET", get + "&operationName=B", "", nil, 200, mediaJSON, `{"data":{"x":"Query"}}`},
		{"GET without an operation", "GET", get, "", nil, 200, mediaJSON, "say which one to run, in operationName"},
		{"GET with wrong variables", "GET", get + "&variables=1", "", nil, 400, "", `"field":"variables"`},
		{"GET of a mutation", "GET", "/graphql?query=" + url.QueryEscape("mutation { clear { ok } }"), "", nil, 405, "", "method_not_allowed"},
		{"GET from another site", "GET", get + "&operationName=B", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "", "permission_denied"},
		{"GET from another site, after a preflight", "GET", get + "&operationName=B", "", []string{"Sec-Fetch-Site", "cross-site", "Graphql-Require-Preflight", "true"}, 200, mediaJSON, "data"},
		{"another method", "PUT", "/graphql", query, asJSON, 405, "", "method_not_allowed"},
		{"a subscription without a websocket", "POST", "/graphql", `{"query":"subscription { noted { _id } }"}`, asJSON, 400, "", "graphql-transport-ws"},
	} {
		w := newWorld(t, Config{})
		got := w.send(test.method, test.target, test.body, test.headers...)
		media, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";")
		if test.media == "" {
			test.media = "application/problem+json"
		}
		if got.Code != test.status || media != test.media || !strings.Contains(got.Body.String(), test.part) {
			t.Errorf("%s: %d %s %s", test.name, got.Code, media, got.Body)
		}
		if len(w.calls) > 0 {
			t.Errorf("%s: made the calls %v", test.name, w.calls)
		}
	}
}
