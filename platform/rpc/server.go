package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"connectrpc.com/connect/v2"
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
				attrs = append(attrs, slog.String("code", connect.CodeOf(err).String()), slog.String("error", fullText(err)))
			}
			log.LogAttrs(ctx, level, "call", attrs...)
			return err
		}
	}
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

func containPanics(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = connect.Errorf(connect.CodeInternal, "%s failed; the log has the cause under this trace", spec.Procedure).
					WithCause(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
			}
		}()
		return next(ctx, spec, stream)
	}
}
