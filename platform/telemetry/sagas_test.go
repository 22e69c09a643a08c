package telemetry_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// The runtime finds hooks by their interfaces.
var (
	_ saga.AttemptHook = (*telemetry.Hooks)(nil)
	_ saga.MoveHook    = (*telemetry.Hooks)(nil)
	_ saga.CountHook   = (*telemetry.Hooks)(nil)
)

func TestSagas(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Service: "test", SpanProcessor: sdktrace.SpanProcessor(spans)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	h := tel.Hooks("quiz")
	_, end := h.AttemptStarted(t.Context(), &saga.Attempt{
		Saga: "Enroll", Step: "activate", Number: 2, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	end("unknown", errors.New("lost"))
	h.Moved("Enroll", &saga.Entry{Step: "activate", What: "unknown"})
	stuck := saga.Count{Saga: "Enroll", Status: saga.StatusStuck, Instances: 3, Oldest: time.Now().Add(-time.Hour)}
	parked := saga.Count{Saga: "Enroll", Status: saga.StatusCompleted, Parked: true, Instances: 2, Oldest: time.Now()}
	h.Counted([]string{"Enroll"}, []saga.Count{stuck, parked})
	h.Counted([]string{"Another"}, nil)
	expectMetrics(t, tel, `pl_saga_call_duration_seconds_count{`, `pl_saga_moves_total{`, `status="stuck"} 3`, `status="parked"} 2`)
	h.Counted([]string{"Enroll"}, []saga.Count{parked})
	expectMetrics(t, tel, `status="stuck"} 0`, `status="parked"} 2`)

	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Parent().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || ended[0].Name() != "saga Enroll activate" {
		t.Errorf("spans are %v", ended)
	}
}

func expectMetrics(t *testing.T, tel *telemetry.Telemetry, parts ...string) {
	t.Helper()
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, part := range parts {
		if !strings.Contains(answer.Body.String(), part) {
			t.Errorf("the metrics lack %s:\n%s", part, sagaLines(answer.Body.String()))
		}
	}
}

func sagaLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "pl_saga") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
