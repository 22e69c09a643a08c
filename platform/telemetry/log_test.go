package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/pulselearn/campus-hub/platform/telemetry"
)

// TestLibrariesAreQuiet logs as the library of the OpenID provider does at its
// start, through the default logger.
func TestLibrariesAreQuiet(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	for _, test := range []struct {
		level slog.Level
		want  bool
	}{{slog.LevelInfo, false}, {slog.LevelDebug, true}} {
		var out bytes.Buffer
		h := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: test.level})
		slog.SetDefault(slog.New(telemetry.LibraryHandler(h, "github.com/pulselearn/campus-hub").WithAttrs([]slog.Attr{slog.String("service", "auth")})))
		op.RegisterServer(op.UnimplementedServer{}, *op.DefaultEndpoints)
		slog.Info("one of ours")
		if got := strings.Contains(out.String(), "level=DEBUG msg=\"registered route\" service=auth"); got != test.want {
			t.Errorf("at %s: %s", test.level, out.String())
		}
		if strings.Contains(out.String(), "level=INFO msg=\"registered") || !strings.Contains(out.String(), `level=INFO msg="one of ours"`) {
			t.Errorf("at %s: %s", test.level, out.String())
		}
	}
	var out bytes.Buffer
	warning := slog.NewRecord(time.Now(), slog.LevelWarn, "request error", 0)
	if err := telemetry.LibraryHandler(slog.NewTextHandler(&out, nil), "elsewhere").Handle(context.Background(), warning); err != nil || !strings.Contains(out.String(), "request error") {
		t.Errorf("a warning: %v, %s", err, out.String())
	}
}
