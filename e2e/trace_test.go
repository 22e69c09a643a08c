//go:build unix

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	quizv1 "github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/quiz/v1/quizv1connect"
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

// chain returns the names of the spans from the one with that name, the last of
// its trace, up to the first, and the parent of that one.
func (c *collector) chain(id, last string) (names []string, parent string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := map[string]*tracev1.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) != id {
			continue
		}
		spans[hex.EncodeToString(s.GetSpanId())] = s
		if s.GetName() == last {
			parent = hex.EncodeToString(s.GetSpanId())
		}
	}
	for spans[parent] != nil {
		names = append(names, spans[parent].GetName())
		parent = hex.EncodeToString(spans[parent].GetParentSpanId())
	}
	slices.Reverse(names)
	return slices.Compact(names), parent // a call has a span at its client and one at its server
}

const submitQuiz = "/pl.quiz.v1.QuizService/SubmitQuiz"

// A submission is a command that is sent by one of the protocols, as part of a
// trace.
type submission struct {
	t           *testing.T
	url         string
	as          identity.Caller
	traceparent string
	request     *quizv1.SubmitQuizRequest
}

// post sends JSON and wants to be understood.
func (s *submission) post(path string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", s.traceparent)
	authorize(s.t, req, s.as)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errors"`)) {
		s.t.Fatalf("%s: %s %s, %v", path, res.Status, answer, err)
	}
}

func (s *submission) json() json.RawMessage {
	s.t.Helper()
	text, err := protojson.Marshal(s.request)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// submissions are the ways to send a command.
var submissions = map[string]func(s *submission){
	"Connect": func(s *submission) { s.post(submitQuiz, s.json()) },
	"gRPC": func(s *submission) {
		http2 := &http.Client{Transport: &http.Transport{Protocols: withoutTLS()}}
		quizzes := quizv1connect.NewQuizServiceClient(connect.NewClient(connecthttp.NewTransport(http2, s.url, connecthttp.WithGRPC()), issuer.As(s.as)))
		ctx, info := connect.NewClientContext(s.t.Context())
		info.RequestHeader().Set("Traceparent", s.traceparent)
		if _, err := quizzes.SubmitQuiz(ctx, s.request); err != nil {
			s.t.Fatal(err)
		}
	},
	"REST": func(s *submission) {
		var body map[string]any
		if err := json.Unmarshal(s.json(), &body); err != nil {
			s.t.Fatal(err)
		}
		delete(body, "quizId") // which stands in the path
		s.post("/api/v1/quizzes/"+s.request.GetQuizId()+"/attempts", body)
	},
	"GraphQL": func(s *submission) {
		s.post("/graphql", map[string]any{
			"query":     "mutation($input: SubmitQuizInput!) { submitQuiz(input: $input) { __typename } }",
			"variables": map[string]any{"input": s.json()},
		})
	},
	"a websocket": func(s *submission) {
		token, err := issuer.Token(s.as)
		if err != nil {
			s.t.Fatal(err)
		}
		l := openRealtime(s.t, s.url, token)
		l.send(map[string]any{"type": "call", "id": "1", "procedure": submitQuiz, "traceparent": s.traceparent, "request": s.json()})
		if m := l.await("answer"); m["error"] != nil {
			s.t.Fatalf("got %v", m)
		}
	},
}

// entries are the spans in front of the call, by protocol.
var entries = map[string][]string{
	"REST":    {"POST /api/v1/quizzes/{quiz_id}/attempts"},
	"GraphQL": {"POST /graphql", "mutation"},
}

// TestOneTrace follows a command, which comes by each protocol, through outbox,
// broker and consumers of two other contexts, by what a collector receives and
// by the log.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	spans := &collector{}
	server := httptest.NewServer(spans)
	t.Cleanup(server.Close)
	hub := newStand(t).hub(t)
	hub.set("PL_OTLP_ENDPOINT="+server.URL, "PL_LOG_LEVEL=debug", "PL_LOG_FORMAT=json")
	hub.startReady()
	c := newCampus(t, func(string) string { return hub.url() })
	k := c.newClass("trace", len(submissions), 1)
	const parentID = "00f067aa0ba902b7"
	traces := map[string]string{} // by protocol
	for i, name := range slices.Sorted(maps.Keys(submissions)) {
		traces[name] = fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e%04x", 0x4736+i)
		submissions[name](&submission{t, hub.url(), identity.Caller{Subject: k.students[i], Roles: []string{identity.Student}},
			"00-" + traces[name] + "-" + parentID + "-01", k.submission(i, 0, true, time.Now())})
	}
	await(t, 10*time.Second, func() error {
		for _, student := range k.students {
			if n := len(c.notes(student)); n != 3 {
				return fmt.Errorf("%d notifications", n)
			}
		}
		return nil
	})
	run := hub.now
	hub.signal(syscall.SIGTERM) // which sends the rest of the spans
	if code := run.exit(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for name, trace := range traces {
		want := append(slices.Clone(entries[name]),
			"pl.quiz.v1.QuizService/SubmitQuiz", "process pl.quiz.quiz_completed.v1", "process pl.achievement.badge_awarded.v1")
		got, parent := spans.chain(trace, want[len(want)-1])
		if !slices.Equal(got, want) || parent != parentID {
			t.Errorf("%s: the trace has %q below %q, want %q below the caller's %s", name, got, parent, want, parentID)
		}
		if err := logged(hub, "handling", trace); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
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
