package saga_test

import (
	"io"
	"log/slog"
	"slices"
	"testing"

	"github.com/pulselearn/campus-hub/platform/saga"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestCompletes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		defer w.run()()
		w.deliver(captured, "p1", "")
		if got := w.ends("p1"); got != saga.StatusCompleted {
			t.Fatalf("ends as %s: %+v", got, w.show("p1"))
		}
		w.check("p1")
		want := []string{
			"began", "activate_access calling", "activate_access done", "grant done", "invoice calling", "invoice done", "completed",
		}
		if got := whats(w.show("p1")); !slices.Equal(got, want) {
			t.Errorf("history is %q, want %q", got, want)
		}
		w.deliver(captured, "p1", "again")
		if got := w.published("p1"); !slices.Equal(got, []string{"granted:", "ended:completed"}) {
			t.Errorf("published %q", got)
		}
	})
}
