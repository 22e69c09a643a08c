package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

const one = "/api/v1/shapes/n/of/1"

func problemOf(t *testing.T, answer *httptest.ResponseRecorder) problem.Problem {
	t.Helper()
	var p problem.Problem
	decoder := json.NewDecoder(answer.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("the answer with status %d is no problem: %v", answer.Code, err)
	}
	if got := answer.Header().Get("Content-Type"); got != problem.ContentType {
		t.Errorf("the problem is sent as %s", got)
	}
	if p.Status != answer.Code || p.Type == "" || p.Title == "" || p.Code == "" || p.Instance == "" {
		t.Errorf("the problem with status %d lacks a member: %+v", answer.Code, p)
	}
	return p
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		code                       string
		fields                     []string
	}{
		{"another path", "GET", "/api/v1/nothing", "", nil, 404, "not_found", nil},
		{"a path that breaks off", "GET", "/api/v1/shapes", "", nil, 404, "not_found", nil},
		{"an empty field in the path", "GET", "/api/v1/shapes//of/1", "", nil, 404, "not_found", nil},
		{"a slash too many", "GET", one + "/", "", nil, 404, "not_found", nil},
		{"another method", "POST", one, "{}", nil, 405, "method_not_allowed", nil},
		{"an unknown method", "BREW", one, "", nil, 405, "method_not_allowed", nil},
		{"an answer other than JSON", "GET", one, "", []string{"Accept", "text/html, application/xml;q=0.9"}, 406, "not_acceptable", nil},
		{"JSON excluded", "GET", one, "", []string{"Accept", "*/*, application/json;q=0"}, 406, "not_acceptable", nil},
		{"a form", "PUT", one, "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", nil},
		{"another charset", "PUT", one, "{}", []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type", nil},
		{"a compressed body", "PUT", one, "{}", []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type", nil},
		{"a body without a type", "PUT", one, "{}", []string{"Content-Type", ""}, 415, "unsupported_media_type", nil},
		{"a broken query", "GET", one + "?a=b;c", "", nil, 400, "invalid_argument", nil},
		{"text for a number in the path", "GET", "/api/v1/shapes/n/of/x", "", nil, 400, "invalid_argument", []string{"number"}},
		{"an unknown parameter", "GET", one + "?no=1", "", nil, 400, "invalid_argument", []string{"no"}},
		{"an unknown parameter inside", "GET", one + "?inner.no=1&text.no=2", "", nil, 400, "invalid_argument", []string{"inner.no", "text.no"}},
		{"a parameter twice", "GET", one + "?text=a&text=b", "", nil, 400, "invalid_argument", []string{"text"}},
		{"a parameter by both names", "GET", one + "?page_size=1&pageSize=2", "", nil, 400, "invalid_argument", []string{"page_size"}},
		{"two of a choice", "GET", one + "?left=a&right=2", "", nil, 400, "invalid_argument", []string{"right"}},
		{"a parameter of the path", "GET", one + "?name=b", "", nil, 400, "invalid_argument", []string{"name"}},
		{"a map in the query", "GET", one + "?counts=1", "", nil, 400, "invalid_argument", []string{"counts"}},
		{"an object in the query", "GET", one + "?inner=1&inners=2", "", nil, 400, "invalid_argument", []string{"inner", "inners"}},
		{"values of another type", "GET", one + "?yes=1&small=2147483648&unsigned_small=-1&double_float=0x1p3&raw=%21&color=red&begins_at=now&lasts=1&maybe=x&text=%ff", "", nil, 400, "invalid_argument",
			[]string{"begins_at", "color", "double_float", "lasts", "maybe", "raw", "small", "text", "unsigned_small", "yes"}},
		{"a query beside a body", "PUT", one + "?text=a", "{}", nil, 400, "invalid_argument", []string{"text"}},
		{"a body that breaks off", "PUT", one, `{"text": `, nil, 400, "invalid_argument", nil},
		{"a body that goes on", "PUT", one, `{} {}`, nil, 400, "invalid_argument", nil},
		{"a list for a body", "PUT", one, `[]`, nil, 400, "invalid_argument", nil},
		{"a member twice", "PUT", one, `{"text": "a", "text": "b"}`, nil, 400, "invalid_argument", nil},
		{"the path contradicted", "PUT", one, `{"name": "other"}`, nil, 400, "invalid_argument", []string{"name"}},
		{"members of another type", "PUT", one,
			`{"text": 1, "yes": "true", "small": 1.5, "color": "RED", "raw": "%", "tags": "a", "inner": [], "counts": {"a": "x"}, "byNumber": {"x": {}}, "beginsAt": "noon", "lasts": 3}`,
			nil, 400, "invalid_argument", []string{"beginsAt", `byNumber["x"]`, "color", `counts["a"]`, "inner", "lasts", "raw", "small", "tags", "text", "yes"}},
		{"members inside of another type", "PUT", one, `{"inners": [{}, {"note": 1, "no": 2, "colors": [1, "x"]}], "inner": {"deeper": {"count": "x"}}}`, nil, 400, "invalid_argument",
			[]string{"inner.deeper.count", "inners[1].colors[1]", "inners[1].no", "inners[1].note"}},
		{"both names", "PUT", one, `{"pageSize": 1, "page_size": 2}`, nil, 400, "invalid_argument", []string{"page_size"}},
		{"two of a choice in the body", "PUT", one, `{"left": "a", "right": "1"}`, nil, 400, "invalid_argument", []string{"right"}},
		{"a body too deep", "PUT", one, `{"inner": ` + strings.Repeat(`{"deeper": `, 200) + "{}" + strings.Repeat("}", 201), nil, 400, "invalid_argument", []string{"inner" + strings.Repeat(".deeper", 100)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.answer = func(context.Context, string, proto.Message) (proto.Message, error) {
				t.Error("the call was made")
				return nil, errors.New("made")
			}
			answer := w.do(test.method, test.target, test.body, test.headers...)
			p := problemOf(t, answer)
			var fields []string
			for _, v := range p.Errors {
				fields = append(fields, v.Field)
			}
			if p.Status != test.status || p.Code != test.code || !slices.Equal(fields, test.fields) {
				t.Errorf("got %d %s %q, want %d %s %q: %s", p.Status, p.Code, fields, test.status, test.code, test.fields, p.Detail)
			}
			if allow := answer.Header().Get("Allow"); (test.status == 405) != (allow == "GET, HEAD, OPTIONS, PUT") {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
}

// What is wrong with a body is said so that it can be found.
func TestBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, want := range map[string]string{
		"{\"text\": \"\xff\"}":      "not UTF-8",
		`{"text": "\ud800"}`:        "half of a character",
		`{"text": "a", "text": ""}`: "a member twice",
		`{"text": "a",, }`:          "at byte 14",
		`{"text": "a`:               "at byte 11",
		`{"text": "a"} x`:           "after its end",
		`{"text": ` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}": "nested too deep",
	} {
		if p := problemOf(t, w.do("PUT", one, body)); p.Status != 400 || !strings.Contains(p.Detail, want) {
			t.Errorf("%.30s: %d %q, want %q", body, p.Status, p.Detail, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.do("PUT", one, `{"text":"t","smal":0}`)
	if answer.Code != 400 {
		t.Errorf("a typing error: %d", answer.Code)
	}
	answer = w.do("PUT", "/api/v1/shapes/a%2Fb%20c/of/-7", `{"text":"t","counts":{"b":2,"a":1}}`, "Accept", "text/html, */*;q=0.1")
	body := answer.Body.String()
	if answer.Code != 200 || answer.Header().Get("Content-Type") != "application/json" || answer.Header().Get("Cache-Control") != "no-store" || answer.Header().Get("ETag") != "" {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
	for _, part := range []string{`"name":"a/b c"`, `"number":"-7"`, `"text":"t"`, `"counts":{"a":1,"b":2}`, `"yes":false`, `"tags":[]`, `"nextPageToken":""`} {
		if !strings.Contains(body, part) {
			t.Errorf("the answer lacks %s: %s", part, body)
		}
	}
	if strings.Contains(body, "beginsAt") || strings.Contains(body, "perhaps") {
		t.Errorf("the answer has what is absent: %s", body)
	}
	if answer := w.do("GET", "/api/v1/shapes/count?name=x", ""); answer.Code != 200 || !strings.Contains(answer.Body.String(), `"name":"x"`) {
		t.Errorf("a literal segment does not go before a field: %d %s", answer.Code, answer.Body)
	}
	if answer := w.do("DELETE", "/api/v1/shapes/count", ""); answer.Code != 405 && answer.Code != 200 {
		t.Errorf("DELETE of a name that is a literal elsewhere: %d", answer.Code)
	}
	if answer := w.do("PUT", one, ""); answer.Code != 200 {
		t.Errorf("without a body: %d %s", answer.Code, answer.Body)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	answer := newWorld(t).do("OPTIONS", one, "")
	if answer.Code != 204 || answer.Header().Get("Allow") != "GET, HEAD, OPTIONS, PUT" || answer.Body.Len() > 0 {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
}

func TestValidators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.do("GET", one, "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || len(tag) < 10 || strings.HasPrefix(tag, "W/") || first.Header().Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("got %d %v", first.Code, first.Header())
	}
	for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		again := w.do("GET", one, "", "If-None-Match", header)
		if again.Code != 304 || again.Body.Len() != 0 || again.Header().Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %v %s", header, again.Code, again.Header(), again.Body)
		}
	}
	if again := w.do("GET", one, "", "If-None-Match", `"other"`); again.Code != 200 {
		t.Errorf("another tag: %d", again.Code)
	}
	if other := w.do("GET", "/api/v1/shapes/n/of/2", ""); other.Header().Get("ETag") == tag {
		t.Error("another answer has the same tag")
	}
}

func TestHeadHasTheHeadersOfGet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newWorld(t).handler)
	defer server.Close()
	want, err := http.Get(server.URL + one)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Body.Close()
	got, err := http.Head(server.URL + one)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, _ := io.ReadAll(got.Body)
	if got.StatusCode != 200 || len(body) != 0 || got.ContentLength != want.ContentLength || got.Header.Get("ETag") != want.Header.Get("ETag") {
		t.Errorf("got %v with %d bytes, want %v", got.Header, len(body), want.Header)
	}
}

func TestPagesAreLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answer = func(_ context.Context, _ string, shape proto.Message) (proto.Message, error) {
		next := "p 2"
		if shape.ProtoReflect().Get(shapeType().Fields().ByName("page_token")).String() == next {
			next = ""
		}
		return answerWith(shape, next), nil
	}
	link := w.do("GET", one+"?pageToken=first&tags=a&tags=b&page_size=2", "").Header().Get("Link")
	if want := "<" + one + `?page_size=2&page_token=p+2&tags=a&tags=b>; rel="next"`; link != want {
		t.Fatalf("got the link %s, want %s", link, want)
	}
	target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if last := w.do("GET", target, ""); last.Code != 200 || last.Header().Get("Link") != "" {
		t.Errorf("the last page: %d %v", last.Code, last.Header())
	}
}

func TestKeysArePassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got string
	w.answer = func(ctx context.Context, _ string, shape proto.Message) (proto.Message, error) {
		info, _ := connect.CallInfoForServerContext(ctx)
		got = info.RequestHeader().Get(rpc.HeaderIdempotencyKey)
		info.ResponseHeader().Set(rpc.HeaderIdempotencyReplayed, "true")
		return answerWith(shape, ""), nil
	}
	answer := w.do("PUT", one, "{}", rpc.HeaderIdempotencyKey, "mine")
	if got != "mine" || answer.Header().Get(rpc.HeaderIdempotencyReplayed) != "true" {
		t.Errorf("the call had the key %q, and the answer %v", got, answer.Header())
	}
	if w.do("GET", one, "", rpc.HeaderIdempotencyKey, "mine"); got != "" {
		t.Errorf("a query had the key %q", got)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status int
		detail string
	}{
		{connect.NewError(connect.CodeNotFound, "there is no such shape"), 404, "there is no such shape"},
		{connect.NewError(connect.CodeFailedPrecondition, "not yet"), 400, "not yet"},
		{connect.NewError(connect.CodeAlreadyExists, "taken"), 409, "taken"},
		{connect.NewError(connect.CodePermissionDenied, "for teachers"), 403, "for teachers"},
		{connect.NewError(connect.CodeUnauthenticated, "who are you"), 401, "who are you"},
		{connect.NewError(connect.CodeResourceExhausted, "slowly"), 429, "slowly"},
		{connect.NewError(connect.CodeUnimplemented, "gone"), 501, "gone"},
		{connect.NewError(connect.CodeDeadlineExceeded, "late"), 504, "late"},
		{errors.New("secret of " + one), 500, ""},
	} {
		w := newWorld(t)
		w.answer = func(context.Context, string, proto.Message) (proto.Message, error) { return nil, test.err }
		answer := w.do("PUT", one, "{}")
		text := answer.Body.String()
		p := problemOf(t, answer)
		if p.Status != test.status || test.detail != "" && p.Detail != test.detail || strings.Contains(text, "secret") {
			t.Errorf("%v: got %d %s", test.err, p.Status, text)
		}
		if challenge := answer.Header().Get("WWW-Authenticate"); (p.Status == 401) != (challenge != "") {
			t.Errorf("%d with the challenge %q", p.Status, challenge)
		}
	}
}

func TestInvalidFieldsAreNamedAsTheyWereSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answer = func(context.Context, string, proto.Message) (proto.Message, error) {
		return nil, rpc.Invalid("unsigned_small", "is required")
	}
	for _, c := range []struct{ method, want string }{{"PUT", "unsignedSmall"}, {"GET", "unsigned_small"}} {
		p := problemOf(t, w.do(c.method, one, ""))
		if len(p.Errors) != 1 || p.Errors[0] != (problem.Violation{Field: c.want, Detail: "is required"}) {
			t.Errorf("%s: got %+v", c.method, p.Errors)
		}
	}
	if got := jsonPath(shapeType(), `inners[2].deeper.colors[0]`); got != "inners[2].deeper.colors[0]" {
		t.Errorf("got %s", got)
	}
	if got := jsonPath(shapeType(), "by_number[3].note"); got != "byNumber[3].note" {
		t.Errorf("got %s", got)
	}
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limited := http.MaxBytesHandler(w.handler, 100)
	r := httptest.NewRequest("PUT", one, strings.NewReader(`{"text":"`+strings.Repeat("x", 200)+`"}`))
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	limited.ServeHTTP(answer, r)
	if p := problemOf(t, answer); p.Status != 413 || !strings.Contains(p.Detail, "100") {
		t.Errorf("got %+v", p)
	}
}

// TestEncodingIsStable holds the bytes, which validators are made of, against
// those of any other build: protojson spaces its output at random.
func TestEncodingIsStable(t *testing.T) {
	t.Parallel()
	m := answerWith(newShape(), "x")
	text, err := encode(m)
	if err != nil || bytes.Contains(text, []byte(": ")) || !bytes.HasPrefix(text, []byte(`{"shape":{"name":"","number":"0",`)) {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestRoutesHaveToBeSound(t *testing.T) {
	t.Parallel()
	method := func(verb, path string) gateway.Method {
		return gateway.Method{Procedure: "/test.v1.Shapes/Get", Request: newShape, Response: newAnswer, Route: gateway.Route{Verb: verb, Path: path}}
	}
	for _, methods := range [][]gateway.Method{
		{method("GET", "/shapes")},
		{method("GET", "/api/{nothing}")},
		{method("GET", "/api/{tags}")},
		{method("GET", "/api/{name}"), method("GET", "/api/{text}")},
	} {
		invoker := gateway.NewInvoker(rpc.NewDirectory(connect.NewServer(), nil))
		if _, err := New(invoker, Config{Log: slog.New(slog.DiscardHandler)}, gateway.API{Methods: methods}); err == nil {
			t.Errorf("%v is accepted", methods[len(methods)-1].Route)
		}
	}
}
