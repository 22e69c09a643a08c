package telemetry

import (
	"context"
	"log/slog"
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// LogHandler returns a handler that adds trace_id and span_id to every record
// that is logged with the context of a span.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

// LibraryHandler returns a handler for the default logger: what packages of
// other modules have to say, without being asked, is for debugging unless it
// is a warning. own is the path of the program's module.
func LibraryHandler(next slog.Handler, own string) slog.Handler {
	return libraryHandler{next, own + "/"}
}

type libraryHandler struct {
	slog.Handler
	own string
}

func (h libraryHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelInfo && h.foreign(r.PC) {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// foreign tells whether a record comes from another module.
func (h libraryHandler) foreign(pc uintptr) bool {
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return f.Function != "" && !strings.HasPrefix(f.Function, h.own) && !strings.HasPrefix(f.Function, "main.")
}

func (h libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return libraryHandler{h.Handler.WithAttrs(attrs), h.own}
}

func (h libraryHandler) WithGroup(name string) slog.Handler {
	return libraryHandler{h.Handler.WithGroup(name), h.own}
}

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
