package outbox_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

var rows = flag.Int("rows", 20_000, "how many events go through the outbox in TestOutboxDoesNotRot")

// Ten tenths of the events are written and published, one after the other. The
// last must not be published much slower than the first, whatever lies in the
// table already; and when the days are over, all of it goes at once.
func TestOutboxDoesNotRot(t *testing.T) {
	for _, engine := range []struct {
		name string
		open func(t *testing.T) (*database.DB, error)
		size string
	}{
		{"postgres", func(t *testing.T) (*database.DB, error) { return postgres.Open(t.Context(), pgtest.URL(t)) },
			`SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = 'pl_outbox'::regclass`},
		{"sqlite", func(t *testing.T) (*database.DB, error) { return sqlite.Open(t.Context(), t.TempDir()+"/context.db") },
			`SELECT (page_count - freelist_count) * 4096 FROM pragma_page_count, pragma_freelist_count`},
	} {
		t.Run(engine.name, func(t *testing.T) {
			db, err := engine.open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			rot(t, db, engine.size)
		})
	}
}

const tenths = 10

func rot(t *testing.T, db *database.DB, size string) {
	if err := db.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	sink := &sink{}
	took := make([]time.Duration, tenths)
	for i := range took {
		fill(t, db, *rows/tenths)
		took[i] = drain(t, db, sink)
	}
	full := measure(t, db, size)
	began := time.Now()
	if err := db.MaintainAt(t.Context(), time.Now().Add(9*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	cleaned := time.Since(began)
	if left := measure(t, db, `SELECT count(*) FROM pl_outbox`); left != 0 {
		t.Errorf("%d events are left of %d that are no longer needed", left, *rows)
	}
	empty := measure(t, db, size)
	t.Logf("report: %d events through the outbox: tenths published in %v, %d MiB gone in %v", *rows, took, (full-empty)>>20, cleaned)
	early, late := slices.Min(took[1:4]), slices.Min(took[tenths-3:])
	if late > 4*early+time.Second { // the fastest of three: the machine has other work
		t.Errorf("of the last tenths the fastest took %v, of the first ones %v", late, early)
	}
	if sink.n.Load() < int64(*rows) {
		t.Errorf("%d of %d events were published", sink.n.Load(), *rows)
	}
}

// fill writes events of 300 bytes in transactions of 1,000.
func fill(t *testing.T, db *database.DB, n int) {
	t.Helper()
	day, err := outbox.Prepare(t.Context(), db, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InTx(t.Context(), recordSchema); err != nil {
		t.Fatal(err)
	}
	for ; n > 0; n -= 1000 {
		events := make([]outbox.Event, min(n, 1000))
		for i := range events {
			events[i] = outbox.Event{
				Envelope: event.Envelope{ID: event.NewID(), Source: "/pulselearn/notes", Type: topic, Time: database.Now(),
					DataContentType: event.ContentTypeAvro},
				Topic: topic, Fingerprint: 1, Key: fmt.Append(nil, i), Data: make([]byte, 300),
			}
		}
		err := db.InTx(t.Context(), func(u *database.Unit) error { return outbox.Insert(t.Context(), db, u, day, events) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

const topic = "pl.notes.noted.v1"

func recordSchema(u *database.Unit) error {
	_, err := u.ExecContext(context.Background(), `INSERT INTO pl_event_schema (fingerprint, subject, text) VALUES (1, $1, '{}')
		ON CONFLICT (fingerprint, subject) DO NOTHING`, (&event.Type{Topic: topic}).RegistrySubject())
	return err
}

// drain runs a relay until the outbox is published.
func drain(t *testing.T, db *database.DB, to driver.Conn) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		_ = outbox.NewRelay(db, to, oneSchema{}, outbox.WithLogger(slog.New(slog.DiscardHandler))).Run(ctx)
	}()
	if err := outbox.Flushed(ctx, db); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	cancel()
	<-ended
	return took.Round(time.Millisecond)
}

func measure(t *testing.T, db *database.DB, query string) (n int64) {
	t.Helper()
	if _, err := database.Scan(t.Context(), db.Reading(), query, nil, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

type oneSchema struct{}

func (oneSchema) SchemaID(context.Context, uint64, string, string) (int, error) { return 1, nil }

// A sink takes every record and counts it.
type sink struct {
	driver.Conn
	n atomic.Int64
}

func (s *sink) Publish(_ context.Context, records []*driver.Record) error {
	s.n.Add(int64(len(records)))
	return nil
}
