package saga_test

import (
	"fmt"
	"testing"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// BenchmarkInstances takes instances with two calls and one event from their
// start to their end: five transactions each, that of the start event
// included. The calls themselves take no time.
func BenchmarkInstances(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		db, err := sqlite.Open(b.Context(), b.TempDir()+"/context.db")
		benchmark(b, newWorld(b, db, err, false))
	})
	b.Run("postgres", func(b *testing.B) {
		db, err := postgres.Open(b.Context(), pgtest.URL(b))
		benchmark(b, newWorld(b, db, err, false))
	})
}

func benchmark(b *testing.B, w *world) {
	for i := range b.N {
		w.deliver(captured, fmt.Sprint(i), "")
	}
	b.ResetTimer()
	stop := w.run()
	left := 1
	w.until("the end of all", func() bool {
		_, err := database.Scan(b.Context(), w.db.Reading(), `SELECT count(*) FROM pl_saga WHERE status <> $1`, []any{string(saga.StatusCompleted)}, &left)
		return err == nil && left == 0
	})
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
}
