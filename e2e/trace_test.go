//go:build unix

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/identity"
)

// A collector receives traces as an OpenTelemetry collector does.
type collector struct {
	mu    sync.Mutex
	spans []*tracev1.Span
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	var request collectorv1.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(text, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// trace returns the spans of one trace by name.
func (c *collector) trace(id string) map[string]*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]*tracev1.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == id {
			found[s.GetName()] = s
		}
	}
	return found
}

// TestOneTrace follows one HTTP request through outbox, broker and consumers
// of two other contexts, by what a collector receives and by the log.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	spans := &collector{}
	server := httptest.NewServer(spans)
	t.Cleanup(server.Close)
	hub := newStand(t).hub(t)
	hub.set("PL_OTLP_ENDPOINT="+server.URL, "PL_LOG_LEVEL=debug", "PL_LOG_FORMAT=json")
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("trace", 1, 1)

	const traceID, parentID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	questions := k.quizzes[0].GetQuestions()
	body := fmt.Sprintf(`{"studentId":%q,"quizId":%q,"answers":[{"questionId":%q,"choice":1},{"questionId":%q}]}`,
		k.students[0], k.quizzes[0].GetQuiz().GetId(), questions[0].GetId(), questions[1].GetId())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, hub.url()+"/pl.quiz.v1.QuizService/SubmitQuiz", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	authorize(t, req, identity.Caller{Subject: k.students[0], Roles: []string{identity.Student}})
	req.Header.Set("Traceparent", "00-"+traceID+"-"+parentID+"-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("submit a quiz: %v, %v", res, err)
	}
	res.Body.Close()
	await(t, 5*time.Second, func() error {
		if n := len(c.notes(k.students[0])); n != 3 {
			return fmt.Errorf("%d notifications", n)
		}
		return nil
	})
	run := hub.now
	hub.signal(syscall.SIGTERM) // which sends the rest of the spans
	if code := run.exit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}

	trace := spans.trace(traceID)
	chain := []string{"pl.quiz.v1.QuizService/SubmitQuiz", "process pl.quiz.quiz_completed.v1", "process pl.achievement.badge_awarded.v1"}
	parent := parentID
	for _, name := range chain {
		span := trace[name]
		if span == nil {
			t.Fatalf("the trace has no span %q, only %v", name, names(trace))
		}
		if got := hex.EncodeToString(span.GetParentSpanId()); got != parent {
			t.Errorf("the parent of %q is %s, want the span before it, %s", name, got, parent)
		}
		parent = hex.EncodeToString(span.GetSpanId())
	}
	if err := logged(hub, "handling", traceID); err != nil {
		t.Error(err)
	}
}

func names(trace map[string]*tracev1.Span) []string {
	var all []string
	for name := range trace {
		all = append(all, name)
	}
	return all
}

// logged wants a line with that message that carries the trace's id.
func logged(p *program, msg, traceID string) error {
	for _, line := range p.log.all() {
		var r struct {
			Msg     string `json:"msg"`
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
		}
		if json.NewDecoder(bytes.NewBufferString(line.text)).Decode(&r) == nil && r.Msg == msg && r.TraceID == traceID && r.SpanID != "" {
			return nil
		}
	}
	return fmt.Errorf("no line %q of the log carries trace %s", msg, traceID)
}
