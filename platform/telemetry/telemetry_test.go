package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/telemetry"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// The hooks are found by their interfaces, so a method that is misspelt would
// never be called.
var (
	_ bus.DeliveryHook   = (*telemetry.Hooks)(nil)
	_ bus.HoldHook       = (*telemetry.Hooks)(nil)
	_ bus.PauseHook      = (*telemetry.Hooks)(nil)
	_ bus.AbandonHook    = (*telemetry.Hooks)(nil)
	_ bus.BatchHook      = (*telemetry.Hooks)(nil)
	_ bus.AssignmentHook = (*telemetry.Hooks)(nil)
	_ tx.DuplicateHook   = (*telemetry.Hooks)(nil)
	_ outbox.Hook        = (*telemetry.Hooks)(nil)
)

func newTelemetry(t *testing.T) (*telemetry.Telemetry, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Service: "test", SpanProcessor: spans})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tel.Shutdown(context.Background()) })
	return tel, spans
}

func delivery(extensions ...event.Extension) *bus.Delivery {
	return &bus.Delivery{
		Consumer: "achievement.OnQuizCompleted", Attempt: 2,
		Record: &driver.Record{Topic: "pl.quiz.quiz_completed.v1", Partition: 3, Offset: 41},
		Event:  event.Envelope{ID: "event-1", Extensions: extensions},
	}
}

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestDeliveryGoesOnWithThePublishersTrace(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	ctx, end := tel.Hooks("quiz").DeliveryStarted(t.Context(), delivery(
		event.Extension{Name: event.ExtTraceParent, Value: parent}, event.Extension{Name: event.ExtTraceState, Value: "vendor=x"}))
	traceparent, tracestate := tel.TraceHeaders(ctx)
	end(nil)

	span := spans.Ended()[0]
	if got := span.Parent(); got.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || got.SpanID().String() != "00f067aa0ba902b7" || !got.IsRemote() {
		t.Errorf("the parent is %v, want the publisher's span", got)
	}
	if span.SpanKind() != trace.SpanKindConsumer || span.Name() != "process pl.quiz.quiz_completed.v1" {
		t.Errorf("got span %q of kind %v", span.Name(), span.SpanKind())
	}
	if want := "00-4bf92f3577b34da6a3ce929d0e0e4736-" + span.SpanContext().SpanID().String() + "-01"; traceparent != want || tracestate != "vendor=x" {
		t.Errorf("events of the handler carry %s and %s, want %s and vendor=x", traceparent, tracestate, want)
	}
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	for key, want := range map[string]string{
		"messaging.message.id": "event-1", "messaging.kafka.offset": "41", "messaging.destination.partition.id": "3",
		"pl.consumer": "achievement.OnQuizCompleted", "pl.attempt": "2",
	} {
		if attributes[key] != want {
			t.Errorf("attribute %s is %q, want %q", key, attributes[key], want)
		}
	}
}

func TestDeliveryWithoutTraceBeginsOne(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	for _, value := range []string{"", "00-nonsense-01"} {
		_, end := tel.Hooks("quiz").DeliveryStarted(t.Context(), delivery(event.Extension{Name: event.ExtTraceParent, Value: value}))
		end(nil)
	}
	for _, span := range spans.Ended() {
		if span.Parent().IsValid() || !span.SpanContext().IsValid() {
			t.Errorf("parent %v, span %v; want a root span", span.Parent(), span.SpanContext())
		}
	}
	if parent, state := tel.TraceHeaders(t.Context()); parent != "" || state != "" {
		t.Errorf("without a span the headers are %q and %q", parent, state)
	}
}

func TestFailedDelivery(t *testing.T) {
	t.Parallel()
	tel, spans := newTelemetry(t)
	for _, err := range []error{errors.New("database is away"), bus.Reject(errors.New("never")), bus.Park(errors.New("ask"))} {
		_, end := tel.Hooks("quiz").DeliveryStarted(t.Context(), delivery())
		end(err)
	}
	for i, want := range []string{"retry", "dead", "parked"} {
		if got := spans.Ended()[i].Status(); got.Code != codes.Error || got.Description != want {
			t.Errorf("status %v %q, want an error that says %s", got.Code, got.Description, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	tel, _ := newTelemetry(t)
	h := tel.Hooks("quiz")
	position := bus.Position{Consumer: "achievement.OnQuizCompleted", Topic: "pl.quiz.quiz_completed.v1"}
	_, end := h.DeliveryStarted(t.Context(), delivery())
	end(nil)
	other := position
	other.Partition = 1
	h.Assigned(bus.Claim{Position: position})
	h.Assigned(bus.Claim{Position: other})
	h.Assigned(bus.Claim{Position: position}) // anew, after a failure
	h.Revoked(other)
	h.Revoked(other)
	h.BatchApplied(position, 7, time.Millisecond)
	h.Failed(delivery(), bus.Failure{Err: errors.New("x"), Outcome: bus.Dead})
	h.Queued(delivery())
	h.Released(delivery(), bus.Dropped)
	h.Paused(bus.Position{Consumer: "c"}, bus.ErrOutage)
	h.Abandoned(delivery(), 1)
	h.Duplicate(delivery())
	h.Relayed(0, 9, time.Second)
	h.RelayFailed(3, errors.New("x"), time.Time{})
	calls := tel.Calls()
	calls.CallRetrying("achievement", "userprofile.GetUser", errors.New("x"))
	calls.CallTimedOut("achievement", "userprofile.GetUser")
	calls.CallRejected("achievement", "userprofile.GetUser", "breaker")
	calls.CallFellBack("achievement", "userprofile.GetUser", errors.New("x"))
	calls.BreakerChanged("achievement", "userprofile", "closed")
	calls.BreakerChanged("achievement", "userprofile", "open")

	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for name, value := range map[string]string{
		"pl_handler_duration_seconds_count": "1", "pl_consumer_partitions": "1", "pl_delivery_settled_total": "7",
		"pl_delivery_failures_total": "1", "pl_hold_queued_total": "1", "pl_hold_released_total": "1", "pl_handler_abandoned_total": "1", "pl_consumer_paused": "1", "pl_delivery_duplicates_total": "1", "pl_outbox_published_total": "9",
		"pl_outbox_failures_total": "1", "pl_outbox_delay_seconds_count": "1", "pl_batch_duration_seconds_count": "1",
		"pl_call_retries_total": "1", "pl_call_timeouts_total": "1", "pl_call_rejections_total": "1", "pl_call_fallbacks_total": "1",
		"pl_call_breaker": "2",
	} {
		if !hasSample(answer.Body.String(), name, value) {
			t.Errorf("no sample %s with value %s in:\n%s", name, value, answer.Body)
		}
	}
	if !regexp.MustCompile(`pl_outbox_failures_total\{context="quiz",[^}]*shard="3"\} 1`).Match(answer.Body.Bytes()) {
		t.Errorf("nothing says which relay failed:\n%s", answer.Body)
	}
	if want := `,le="0.001"} 1`; !strings.Contains(answer.Body.String(), want) {
		t.Errorf("no bucket tells a batch of 1 ms: no %q in:\n%s", want, answer.Body)
	}
}

func hasSample(text, name, value string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, name+"{") && strings.HasSuffix(line, "} "+value) {
			return true
		}
	}
	return false
}

func TestLogCarriesTheTrace(t *testing.T) {
	t.Parallel()
	tel, _ := newTelemetry(t)
	var out bytes.Buffer
	log := slog.New(telemetry.LogHandler(slog.NewJSONHandler(&out, nil))).With("context", "quiz")
	ctx, end := tel.Hooks("quiz").DeliveryStarted(t.Context(), delivery(event.Extension{Name: event.ExtTraceParent, Value: parent}))
	defer end(nil)
	log.InfoContext(ctx, "inside")
	log.InfoContext(t.Context(), "outside")

	lines := json.NewDecoder(&out)
	for _, want := range []string{"4bf92f3577b34da6a3ce929d0e0e4736", ""} {
		var line map[string]any
		if err := lines.Decode(&line); err != nil {
			t.Fatal(err)
		}
		got, _ := line["trace_id"].(string)
		if got != want || line["context"] != "quiz" || (line["span_id"] != nil) != (want != "") {
			t.Errorf("got %v, want trace %q", line, want)
		}
	}
}
