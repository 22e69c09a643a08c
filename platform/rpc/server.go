package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/bus"
)

// NewServer returns a Connect server that contains panics and logs every
// failed call. The interceptors run outside of that, the first one outermost.
func NewServer(log *slog.Logger, interceptors ...connect.ServerInterceptor) *connect.Server {
	return connect.NewServer(append(interceptors, logCalls(log), containPanics)...)
}

func logCalls(log *slog.Logger) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			start := time.Now()
			err := next(ctx, spec, stream)
			level := levelOf(err)
			if !log.Enabled(ctx, level) {
				return err
			}
			attrs := []slog.Attr{
				slog.String("procedure", spec.Procedure),
				slog.Duration("took", time.Since(start)),
			}
			if err != nil {
				attrs = append(attrs, failureAttrs(err)...)
			}
			log.LogAttrs(ctx, level, "call", attrs...)
			return err
		}
	}
}

func failureAttrs(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("code", connect.CodeOf(err).String()), slog.String("error", fullText(err))}
	var panicked *bus.PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	return attrs
}

// levelOf separates what the operator has to look at from what the caller did.
func levelOf(err error) slog.Level {
	if err == nil {
		return slog.LevelDebug
	}
	switch connect.CodeOf(err) {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
		return slog.LevelError
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeUnimplemented:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// fullText adds the cause that the caller does not see.
func fullText(err error) string {
	var own *connect.Error
	if errors.As(err, &own) && own.Unwrap() != nil {
		return fmt.Sprintf("%v: %v", err, own.Unwrap())
	}
	return err.Error()
}

// containPanics turns a panic into an Internal error. Commands contain theirs
// before the transaction ends; this is for queries and for the code around.
func containPanics(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		err := bus.Contain(func() error { return next(ctx, spec, stream) })
		var own *connect.Error
		var panicked *bus.PanicError
		if errors.As(err, &panicked) && !errors.As(err, &own) {
			return internal(spec.Procedure, err)
		}
		return err
	}
}
