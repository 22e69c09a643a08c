package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// enter sends a request through Continue and Entries to a handler.
func enter(tel *telemetry.Telemetry, r *http.Request, h http.HandlerFunc) {
	everything := func(*http.Request) bool { return true }
	tel.Continue(tel.Entries(everything, h)).ServeHTTP(httptest.NewRecorder(), r)
}

// attributes are those of a span, as text.
func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes() {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func TestEntry(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	r := httptest.NewRequest("POST", "http://campus.example/api/v1/students/ada@example.org/badges?token=secret", nil)
	r.Header.Set("Traceparent", parent)
	r.Header.Set("User-Agent", "ada's browser")
	enter(tel, r, func(w http.ResponseWriter, r *http.Request) {
		tel.Routed(r.Context(), r.Method, "/api/v1/students/{student_id}/badges")
		w.WriteHeader(http.StatusNotFound)
	})
	span := spans.Ended()[0]
	if span.Name() != "POST /api/v1/students/{student_id}/badges" || span.SpanKind() != trace.SpanKindServer {
		t.Errorf("span %q of kind %v", span.Name(), span.SpanKind())
	}
	if got := span.Parent(); got.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || !got.IsRemote() {
		t.Errorf("the parent is %v, want the client's span", got)
	}
	want := map[string]string{
		"http.request.method": "POST", "http.route": "/api/v1/students/{student_id}/badges", "http.response.status_code": "404",
		"url.scheme": "http", "network.protocol.version": "1.1",
	}
	if got := attributes(span); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("attributes %v, want %v and nothing about people", got, want)
	}
	if span.Status().Code != codes.Unset {
		t.Errorf("a mistake of the client's is an error of the server: %v", span.Status())
	}
}

func TestEntriesThatFail(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	r := httptest.NewRequest("BREW", "/graphql", nil)
	enter(tel, r, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) })
	enter(tel, r, func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) })
	failed, fine := spans.Ended()[0], spans.Ended()[1]
	if got := attributes(failed); failed.Name() != "_OTHER" || got["error.type"] != "503" || failed.Status().Code != codes.Error {
		t.Errorf("%s %v %v", failed.Name(), got, failed.Status())
	}
	if got := attributes(fine); got["http.response.status_code"] != "200" || fine.Status().Code != codes.Unset {
		t.Errorf("without a word about the status: %v %v", got, fine.Status())
	}
}

// What has no span: websockets, other paths, and requests of traces that their
// client does not record, which still hand the trace on.
func TestNoEntry(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	websocket := httptest.NewRequest("GET", "/graphql", nil)
	websocket.Header.Set("Upgrade", "websocket")
	enter(tel, websocket, func(http.ResponseWriter, *http.Request) {})
	tel.Entries(func(*http.Request) bool { return false }, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	unrecorded := httptest.NewRequest("GET", "/api/v1/x", nil)
	unrecorded.Header.Set("Traceparent", strings.TrimSuffix(parent, "01")+"00")
	enter(tel, unrecorded, func(_ http.ResponseWriter, r *http.Request) {
		tel.Routed(r.Context(), r.Method, "/api/v1/x")
		if got, _ := tel.TraceHeaders(r.Context()); !strings.Contains(got, "4bf92f3577b34da6a3ce929d0e0e4736") {
			t.Errorf("the trace is lost: %q", got)
		}
	})
	if got := spans.Ended(); len(got) != 0 {
		t.Errorf("%d spans", len(got))
	}
}

func TestOperation(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	for _, end := range []struct {
		code string
		ours bool
	}{{"", false}, {"NOT_FOUND", false}, {"INTERNAL", true}} {
		_, ended := tel.Operation(t.Context(), "query", "Badges"+strings.Repeat("s", 100))
		ended(end.code, end.ours)
	}
	_, ended := tel.Operation(t.Context(), "mutation", "")
	ended("", false)
	for i, want := range []struct {
		errorType string
		status    codes.Code
	}{{"", codes.Unset}, {"NOT_FOUND", codes.Unset}, {"INTERNAL", codes.Error}} {
		span := spans.Ended()[i]
		got := attributes(span)
		if span.Name() != "query" || got["graphql.operation.type"] != "query" || len(got["graphql.operation.name"]) != 64 ||
			got["error.type"] != want.errorType || span.Status().Code != want.status {
			t.Errorf("%s: %v, %v; want %v", span.Name(), got, span.Status(), want)
		}
	}
	if _, named := attributes(spans.Ended()[3])["graphql.operation.name"]; named {
		t.Error("an operation without a name has one")
	}
}
