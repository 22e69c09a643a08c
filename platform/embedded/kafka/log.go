package kafka

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kfake"
)

// logger is slog as the broker sees it. What it calls info is every request,
// so that is left out.
type logger struct{ log *slog.Logger }

// Logf passes warnings and errors on.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelWarn
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
	default:
		return
	}
	l.log.Log(context.Background(), to, "embedded kafka: "+fmt.Sprintf(format, args...))
}
