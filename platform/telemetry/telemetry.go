// Package telemetry connects the runtime to OpenTelemetry: one trace from the
// request through outbox, broker and consumer, metrics for Prometheus, and
// logs that carry trace and span ids. The packages that do the work know
// nothing of it; they are given the hooks that this package makes.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/otelconnect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/pulselearn/campus-hub/platform/telemetry"

// Options say what a process reports as and where its traces go.
type Options struct {
	// Service is the process's name in traces and metrics.
	Service string
	// OTLPEndpoint is the URL of a collector. Empty keeps traces in the
	// process: ids are made and passed on, and appear in logs and events, but
	// nothing is exported.
	OTLPEndpoint string
	// SpanProcessor receives every span as well, for tests. It may be nil.
	SpanProcessor sdktrace.SpanProcessor
}

// Telemetry is the tracing and the metrics of one process. It is safe for
// concurrent use, and independent of any global state.
type Telemetry struct {
	traces      *sdktrace.TracerProvider
	metrics     *sdkmetric.MeterProvider
	registry    *prometheus.Registry
	propagator  propagation.TextMapPropagator
	tracer      trace.Tracer
	instruments *instruments
	gauges      *gauges
}

// New starts tracing and metrics. Shutdown ends them.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	about, err := resource.Merge(resource.Default(), resource.NewSchemaless(attribute.String("service.name", o.Service)))
	if err != nil {
		return nil, fmt.Errorf("describe the process for telemetry: %w", err)
	}
	traces, err := newTracerProvider(ctx, about, o)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, fmt.Errorf("start the metrics exporter: %w", err)
	}
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(about))
	instruments, err := newInstruments(metrics.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("create the process's metrics: %w", err)
	}
	gauges, err := newGauges(metrics.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("create the process's gauges: %w", err)
	}
	return &Telemetry{
		gauges: gauges,
		traces: traces, metrics: metrics, registry: registry,
		propagator: propagation.TraceContext{},
		tracer:     traces.Tracer(scope), instruments: instruments,
	}, nil
}

func newTracerProvider(ctx context.Context, about *resource.Resource, o Options) (*sdktrace.TracerProvider, error) {
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	if o.SpanProcessor != nil {
		options = append(options, sdktrace.WithSpanProcessor(o.SpanProcessor))
	}
	if o.OTLPEndpoint != "" {
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.OTLPEndpoint))
		if err != nil {
			return nil, fmt.Errorf("PL_OTLP_ENDPOINT: %w", err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

// Shutdown sends what is left and ends tracing and metrics.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	return errors.Join(t.traces.Shutdown(ctx), t.metrics.Shutdown(ctx))
}

// MetricsHandler serves the metrics in Prometheus's text format.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{})
}

// Meter returns a meter for further instruments of the process.
func (t *Telemetry) Meter() metric.Meter { return t.metrics.Meter(scope) }

// ServerInterceptor makes a span and metrics of every call that is served, as
// a child of the caller's span.
func (t *Telemetry) ServerInterceptor() (connect.ServerInterceptor, error) {
	return otelconnect.NewServerInterceptor(append(t.connectOptions(), otelconnect.WithTrustRemote())...)
}

// ClientInterceptor makes a span and metrics of every call to another context,
// and passes the trace on.
func (t *Telemetry) ClientInterceptor() (connect.ClientInterceptor, error) {
	return otelconnect.NewClientInterceptor(t.connectOptions()...)
}

func (t *Telemetry) connectOptions() []otelconnect.Option {
	return []otelconnect.Option{
		otelconnect.WithTracerProvider(t.traces),
		otelconnect.WithMeterProvider(t.metrics),
		otelconnect.WithPropagator(t.propagator),
	}
}

// Continue puts the trace that a request is part of, as its W3C headers say,
// into the request's context for next.
func (t *Telemetry) Continue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			r = r.WithContext(t.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header)))
		}
		next.ServeHTTP(w, r)
	})
}

// WithTrace returns a context that goes on with the trace that a W3C
// traceparent and tracestate name; one that cannot be read is left out.
func (t *Telemetry) WithTrace(ctx context.Context, traceparent, tracestate string) context.Context {
	return t.propagator.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent, "tracestate": tracestate})
}

// TraceHeaders returns the W3C traceparent and tracestate of the span in ctx,
// both empty when there is none.
func (t *Telemetry) TraceHeaders(ctx context.Context) (traceparent, tracestate string) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return "", ""
	}
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(ctx, carrier)
	return carrier["traceparent"], carrier["tracestate"]
}
