// Package registrytest proves that a schema.Registry does what its users count
// on, against the registry of this module and against servers that are down,
// slow, or no registry at all. An implementation over Confluent's REST API is
// done when the suite passes.
package registrytest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// A Connect makes the Registry under test, a client of the server at url. The
// suite makes one for each test and does not close it.
type Connect func(t *testing.T, url string) schema.Registry

// Run runs the suite.
func Run(t *testing.T, connect Connect) {
	for name, test := range map[string]func(*testing.T, Connect){
		"Register":      testRegister,
		"Lookup":        testLookup,
		"Compatibility": testCompatibility,
		"Schema":        testSchema,
		"References":    testReferences,
		"Subjects":      testSubjects,
		"Down":          testDown,
		"NoRegistry":    testNoRegistry,
		"EmptyAnswers":  testEmptyAnswers,
		"Context":       testContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, connect) })
	}
}

const (
	badge   = `{"type":"record","name":"Badge","namespace":"pl.demo.v1","fields":[{"name":"points","type":"long"}]}`
	spaced  = "{\n  \"namespace\": \"pl.demo.v1\", \"type\": \"record\", \"name\": \"Badge\",\r\n  \"fields\": [{\"name\": \"points\", \"type\": \"long\"}]\n}\n"
	renamed = `{"type":"record","name":"Badge","namespace":"pl.demo.v1","fields":[{"name":"score","type":"long"}]}`
	subject = "pl.demo.badge.v1-value"
)

// start serves an empty registry in memory.
func start(t *testing.T) (url string, h http.Handler) {
	t.Helper()
	r, err := registry.Open("", registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, r.Handler()), r.Handler()
}

func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// ask sends a request that has to succeed past the Registry under test.
func ask(t *testing.T, h http.Handler, method, path, body string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

func register(t *testing.T, r schema.Registry, subject, text string) int {
	t.Helper()
	id, err := r.Register(t.Context(), subject, text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	for _, reason := range []error{schema.ErrUnavailable, schema.ErrUnknownSchema, schema.ErrIncompatible} {
		if errors.Is(err, reason) != errors.Is(want, reason) {
			t.Errorf("got %v, want %v and no other reason", err, want)
		}
	}
}

func testRegister(t *testing.T, connect Connect) {
	url, h := start(t)
	r := connect(t, url)
	first := register(t, r, subject, badge)
	if again := register(t, r, subject, spaced); again != first {
		t.Errorf("the same schema has id %d, then %d", first, again)
	}
	if got := ask(t, h, "GET", "/subjects/"+subject+"/versions", ""); got != "[1]" {
		t.Errorf("versions %s", got)
	}
	if other := register(t, r, "other", `"string"`); other == first {
		t.Errorf("two schemas have id %d", other)
	}
	_, err := r.Register(t.Context(), subject, `{"type":"nonsense"}`)
	wantError(t, err, schema.ErrIncompatible)
}

func testLookup(t *testing.T, connect Connect) {
	url, _ := start(t)
	r := connect(t, url)
	_, err := r.Lookup(t.Context(), subject, badge)
	wantError(t, err, schema.ErrUnknownSchema)
	id := register(t, r, subject, badge)
	register(t, r, "other", renamed)
	for _, text := range []string{badge, spaced} {
		if found, err := r.Lookup(t.Context(), subject, text); err != nil || found != id {
			t.Errorf("found %d, %v; registered %d", found, err, id)
		}
	}
	_, err = r.Lookup(t.Context(), subject, renamed)
	wantError(t, err, schema.ErrUnknownSchema)
}

func testCompatibility(t *testing.T, connect Connect) {
	url, h := start(t)
	r := connect(t, url)
	register(t, r, subject, badge)
	for _, level := range []string{"FULL_TRANSITIVE", "NONE", "FULL"} {
		if err := r.SetCompatibility(t.Context(), subject, level); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, h, "GET", "/config/"+subject, ""); got != `{"compatibilityLevel":"`+level+`"}` {
			t.Errorf("set %s, got %s", level, got)
		}
	}
	_, err := r.Register(t.Context(), subject, renamed)
	wantError(t, err, schema.ErrIncompatible)
	wantError(t, r.SetCompatibility(t.Context(), subject, "SOMETIMES"), schema.ErrIncompatible)
	if err := r.SetCompatibility(t.Context(), subject, "NONE"); err != nil {
		t.Fatal(err)
	}
	register(t, r, subject, renamed)
}

func testSchema(t *testing.T, connect Connect) {
	url, _ := start(t)
	r := connect(t, url)
	id := register(t, r, subject, badge)
	for range 2 {
		got, err := r.Schema(t.Context(), schema.Frame{Format: schema.FormatID, ID: id})
		if err != nil || got.Text != badge || len(got.References) > 0 {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	_, err := r.Schema(t.Context(), schema.Frame{Format: schema.FormatID, ID: id + 1})
	wantError(t, err, schema.ErrUnknownSchema)
}

// testReferences reads a schema that refers to another one on two ways.
func testReferences(t *testing.T, connect Connect) {
	url, h := start(t)
	ask(t, h, "POST", "/subjects/a/versions", `{"schema":"{\"type\":\"fixed\",\"name\":\"n.A\",\"size\":1}"}`)
	ask(t, h, "POST", "/subjects/b/versions", `{"schema":"{\"type\":\"record\",\"name\":\"n.B\",\"fields\":[{\"name\":\"a\",\"type\":\"n.A\"}]}",
		"references":[{"name":"n.A","subject":"a","version":1}]}`)
	ask(t, h, "POST", "/subjects/c/versions", `{"schema":"{\"type\":\"record\",\"name\":\"n.C\",\"fields\":[{\"name\":\"a\",\"type\":\"n.A\"},{\"name\":\"b\",\"type\":\"n.B\"}]}",
		"references":[{"name":"n.A","subject":"a","version":1},{"name":"n.B","subject":"b","version":1}]}`)
	got, err := connect(t, url).Schema(t.Context(), schema.Frame{Format: schema.FormatID, ID: 3})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got.References)
	if len(got.References) != 2 || !strings.Contains(got.References[0], `"fixed"`) || !strings.Contains(got.References[1], `"name":"B"`) {
		t.Errorf("got %q", got.References)
	}
}

// testSubjects uses subjects that have to be escaped in a path, and a context
// of its own.
func testSubjects(t *testing.T, connect Connect) {
	url, h := start(t)
	r := connect(t, url+"/contexts/.lab")
	for _, name := range []string{"a/b", "50% off?", "naïve #1"} {
		id := register(t, r, name, badge)
		if found, err := r.Lookup(t.Context(), name, badge); err != nil || found != id {
			t.Errorf("%s: found %d, %v; registered %d", name, found, err, id)
		}
		if err := r.SetCompatibility(t.Context(), name, "FULL"); err != nil {
			t.Error(err)
		}
	}
	if got := ask(t, h, "GET", "/subjects", ""); got != `[":.lab:50% off?",":.lab:a/b",":.lab:naïve #1"]` {
		t.Errorf("subjects %s", got)
	}
}

// everyCall makes each kind of call once.
func everyCall(ctx context.Context, r schema.Registry) map[string]error {
	errs := map[string]error{}
	_, errs["Lookup"] = r.Lookup(ctx, subject, badge)
	_, errs["Register"] = r.Register(ctx, subject, badge)
	_, errs["Schema"] = r.Schema(ctx, schema.Frame{Format: schema.FormatID, ID: 1})
	errs["SetCompatibility"] = r.SetCompatibility(ctx, subject, "FULL")
	return errs
}

func wantUnavailable(t *testing.T, errs map[string]error) {
	t.Helper()
	for name, err := range errs {
		t.Run(name, func(t *testing.T) { wantError(t, err, schema.ErrUnavailable) })
	}
}

func testDown(t *testing.T, connect Connect) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	wantUnavailable(t, everyCall(t.Context(), connect(t, server.URL)))
}

// answering serves the same answer to every request.
func answering(t *testing.T, status int, body string) (url string) {
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a client that has gone needs no answer
	}))
}

// testNoRegistry asks servers whose answers say nothing about a schema.
func testNoRegistry(t *testing.T, connect Connect) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"page of a proxy":      {http.StatusNotFound, "<html>not here</html>"},
		"404 without a code":   {http.StatusNotFound, `{"message":"no such route"}`},
		"404 of another code":  {http.StatusNotFound, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		"null":                 {http.StatusNotFound, `null`},
		"refused credentials":  {http.StatusUnauthorized, `{"error_code":40101,"message":"Unauthorized"}`},
		"failing store":        {http.StatusServiceUnavailable, `{"error_code":50001,"message":"down"}`},
		"page with status 200": {http.StatusOK, "<html>log in</html>"},
		"nothing":              {http.StatusOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantUnavailable(t, everyCall(t.Context(), connect(t, answering(t, answer.status, answer.body))))
		})
	}
}

// testEmptyAnswers asks servers that answer with JSON that holds nothing. A
// level needs no answer, so setting one is left out.
func testEmptyAnswers(t *testing.T, connect Connect) {
	for _, body := range []string{"{}", "null", `{"id":0,"schema":""}`} {
		t.Run(body, func(t *testing.T) {
			errs := everyCall(t.Context(), connect(t, answering(t, http.StatusOK, body)))
			delete(errs, "SetCompatibility")
			wantUnavailable(t, errs)
		})
	}
}

// testContext ends the context before a call, and during one that the server
// never answers.
func testContext(t *testing.T, connect Connect) {
	asked, hang := make(chan struct{}, 64), make(chan struct{})
	url := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hang
	}))
	t.Cleanup(func() { close(hang) }) // before the server is closed, which waits for its handlers
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range everyCall(ended, connect(t, url)) {
		if !errors.Is(err, context.Canceled) || errors.Is(err, schema.ErrUnavailable) {
			t.Errorf("%s after the end of its context: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := connect(t, url).Lookup(ctx, subject, badge); !errors.Is(err, context.Canceled) || errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("Lookup that hangs: %v", err)
	}
}
