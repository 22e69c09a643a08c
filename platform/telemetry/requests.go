package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Entries makes a span of every request for which has says yes, as
// OpenTelemetry's conventions for HTTP servers have it, and of none that opens
// a websocket, which goes on for hours. Addresses of clients, paths and queries
// are no attributes, because they name people; [Telemetry.Routed] adds the
// route. It is inside of [Telemetry.Continue].
func (t *Telemetry) Entries(has func(r *http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" || !has(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, span := t.tracer.Start(r.Context(), methodOf(r.Method), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		r = r.WithContext(ctx)
		if !span.IsRecording() {
			next.ServeHTTP(w, r)
			return
		}
		span.SetAttributes(entryAttributes(r)...)
		watched := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(watched, r)
		span.SetAttributes(attribute.Int("http.response.status_code", watched.status))
		if watched.status >= http.StatusInternalServerError {
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(watched.status)))
			span.SetStatus(codes.Error, "")
		}
	})
}

func entryAttributes(r *http.Request) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("http.request.method", methodOf(r.Method)),
		attribute.String("url.scheme", schemeOf(r)),
		attribute.String("network.protocol.version", protocolOf(r)),
	}
}

// methodOf is the request's method, unless it is one that somebody has made up.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "_OTHER"
}

func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// protocolOf is "1.1" or "2".
func protocolOf(r *http.Request) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0")
}

// Routed names the span of a request after its route, "/api/v1/quizzes/{quiz_id}".
func (t *Telemetry) Routed(ctx context.Context, method, route string) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetName(methodOf(method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
}

// longestName is how much of an operation's name is kept, which clients choose.
const longestName = 64

// Operation makes a span of a GraphQL operation: its kind, "query", "mutation"
// or "subscription", and its name, never what it asks for. end is told the code
// of the first error, "" for none, and whether the fault is ours.
func (t *Telemetry) Operation(ctx context.Context, kind, name string) (_ context.Context, end func(code string, ours bool)) {
	ctx, span := t.tracer.Start(ctx, kind, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("graphql.operation.type", kind))
		if name != "" {
			span.SetAttributes(attribute.String("graphql.operation.name", name[:min(len(name), longestName)]))
		}
	}
	return ctx, func(code string, ours bool) {
		if code != "" {
			span.SetAttributes(attribute.String("error.type", code))
		}
		if ours {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status  int
	written bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	if !w.written && status >= http.StatusOK {
		w.status, w.written = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *statusWriter) Write(b []byte) (int, error) {
	w.written = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
