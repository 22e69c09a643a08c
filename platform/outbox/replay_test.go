package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
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

func TestMain(m *testing.M) { pgtest.Main(m) }

// A broker keeps what it is given, by topic and key.
type broker struct {
	driver.Conn
	mu      sync.Mutex
	records map[string][]string
}

func (b *broker) Publish(_ context.Context, records []*driver.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		at := r.Topic + " " + string(r.Key)
		b.records[at] = append(b.records[at], string(r.Value[5:]))
	}
	return nil
}

type registry struct{}

func (registry) SchemaID(context.Context, uint64, string, string) (int, error) { return 1, nil }

func onEachEngine(t *testing.T, f func(t *testing.T, db *database.DB)) {
	for name, open := range map[string]func(t *testing.T) (*database.DB, error){
		"sqlite":   func(t *testing.T) (*database.DB, error) { return sqlite.Open(t.Context(), t.TempDir()+"/c.db") },
		"postgres": func(t *testing.T) (*database.DB, error) { return postgres.Open(t.Context(), pgtest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := open(t)
			if err == nil {
				err = db.Migrate(t.Context(), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			f(t, db)
		})
	}
}

// write puts n events with a key into the outbox, in one transaction.
func write(t *testing.T, db *database.DB, topic, key string, n int) {
	t.Helper()
	day, err := outbox.Prepare(t.Context(), db, database.Now())
	if err != nil {
		t.Fatal(err)
	}
	events := make([]outbox.Event, n)
	for i := range events {
		events[i] = outbox.Event{Topic: topic, Fingerprint: 7, Key: []byte(key), Data: fmt.Append(nil, i),
			Envelope: event.Envelope{ID: event.NewID(), Source: "/t", Type: topic, Time: database.Now()}}
	}
	err = db.InTx(t.Context(), func(u *database.Unit) error {
		if _, err := u.ExecContext(t.Context(), `INSERT INTO pl_event_schema (fingerprint, subject, text) VALUES (7, $1, '"int"') ON CONFLICT DO NOTHING`, topic+"-value"); err != nil {
			return err
		}
		return outbox.Insert(t.Context(), db, u, day, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// publish runs a relay until everything is published.
func publish(t *testing.T, db *database.DB, b *broker) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = outbox.NewRelay(db, b, registry{}, outbox.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))).Run(ctx)
	}()
	bounded, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := outbox.Flushed(bounded, db); err != nil {
		t.Error(err)
	}
	stop()
	<-done
}

func ordered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	return all
}

func TestReplay(t *testing.T) {
	onEachEngine(t, func(t *testing.T, db *database.DB) {
		const many = 2500 // more than one transaction marks
		begin := database.Now()
		write(t, db, "pl.t.a.v1", "k", many)
		write(t, db, "pl.t.b.v1", "k", 3)
		status, err := outbox.Status(t.Context(), db)
		if err != nil || total(status) != many+3 || !slices.ContainsFunc(status, func(s outbox.ShardStatus) bool { return !s.Oldest.Before(begin) }) {
			t.Fatalf("before a relay ran: %v, %+v", err, status)
		}
		before := &broker{records: map[string][]string{}}
		publish(t, db, before)
		end := database.Now()
		if status, err = outbox.Status(t.Context(), db); err != nil || total(status) != 0 || status[0].Holder == "" || !status[0].Oldest.IsZero() {
			t.Errorf("after a relay ran: %v, %+v", err, status)
		}
		write(t, db, "pl.t.a.v1", "later", 1)

		replay := outbox.Replay{From: begin, To: end, Topics: []string{"pl.t.a.v1"}}
		counted, err := replay.Count(t.Context(), db)
		if err != nil || !maps.Equal(counted, map[string]int64{"pl.t.a.v1": many}) {
			t.Errorf("counted %v, %v", counted, err)
		}
		audits := 0
		marked, err := replay.Run(t.Context(), db, func(*database.Unit) error { audits++; return nil })
		if err != nil || !maps.Equal(marked, counted) || audits != 1 {
			t.Errorf("marked %v, %v, audited %d times", marked, err, audits)
		}
		after := &broker{records: map[string][]string{}}
		publish(t, db, after)
		want := map[string][]string{"pl.t.a.v1 k": ordered(many), "pl.t.a.v1 later": {"0"}}
		if !maps.EqualFunc(after.records, want, slices.Equal) {
			t.Errorf("published again: %d of a, %d of b, in another order or number", len(after.records["pl.t.a.v1 k"]), len(after.records["pl.t.b.v1 k"]))
		}
		if again, err := replay.Run(t.Context(), db, nil); err != nil || len(again) != 0 {
			t.Errorf("what was published again was marked again: %v, %v", again, err)
		}
	})
}

func total(status []outbox.ShardStatus) (n int64) {
	for _, s := range status {
		n += s.Unpublished
	}
	return n
}

func TestReplayRefuses(t *testing.T) {
	onEachEngine(t, func(t *testing.T, db *database.DB) {
		write(t, db, "pl.t.a.v1", "k", 3)
		publish(t, db, &broker{records: map[string][]string{}})
		future := outbox.Replay{To: time.Now().Add(time.Hour)}
		if _, err := future.Run(t.Context(), db, nil); !errors.Is(err, outbox.ErrInFuture) {
			t.Errorf("a replay into the future: %v", err)
		}
		refused := errors.New("not audited")
		all := outbox.Replay{To: database.Now()}
		if _, err := all.Run(t.Context(), db, func(*database.Unit) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("without an audit: %v", err)
		}
		if n, err := outbox.Unpublished(t.Context(), db); err != nil || n != 0 {
			t.Errorf("%d events were marked without an audit, %v", n, err)
		}
	})
}
