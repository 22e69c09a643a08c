package outbox_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A transaction takes the lowest sequence and commits when those above it are
// being published. The next event of its key is written then, by a transaction
// that had to wait for it, and must come after it, although the relay has a
// backlog.
func TestLateRowComesBeforeTheNextOfItsKey(t *testing.T) {
	db, err := postgres.Open(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	fill(t, db, 0)
	late, next := named("late"), named("next")
	commit := begin(t, db, late)
	for range 3 {
		events := make([]outbox.Event, 1000)
		for i := range events {
			events[i] = named(event.NewID())
		}
		insert(t, db, events...)
	}
	d := &diary{second: func() {
		commit()
		insert(t, db, next)
	}}
	drain(t, db, d)
	if first, second := slices.Index(d.ids, "late"), slices.Index(d.ids, "next"); first < 0 || second < first {
		t.Errorf("of %d events the late one was published as number %d, and the next of its key as number %d", len(d.ids), first, second)
	}
}

// named returns an event of a key that all of them have.
func named(id string) outbox.Event {
	return outbox.Event{
		Envelope: event.Envelope{ID: id, Source: "/pulselearn/notes", Type: topic, Time: database.Now(), DataContentType: event.ContentTypeAvro},
		Topic:    topic, Fingerprint: 1, Key: []byte("key"),
	}
}

func insert(t *testing.T, db *database.DB, events ...outbox.Event) {
	t.Helper()
	err := db.InTx(t.Context(), func(u *database.Unit) error {
		return outbox.Insert(t.Context(), db, u, database.DayOf(time.Now()), events)
	})
	if err != nil {
		t.Error(err)
	}
}

// begin writes an event in a transaction that lasts until commit is called.
func begin(t *testing.T, db *database.DB, e outbox.Event) (commit func()) {
	t.Helper()
	written, end, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- db.InTx(t.Context(), func(u *database.Unit) error {
			err := outbox.Insert(t.Context(), db, u, database.DayOf(time.Now()), []outbox.Event{e})
			if err == nil {
				err = u.Flush(t.Context())
			}
			close(written)
			<-end
			return err
		})
	}()
	<-written
	return func() {
		close(end)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// A diary notes the ids of what is published, and calls second when it is
// published to for the second time.
type diary struct {
	driver.Conn
	calls  int
	second func()
	ids    []string
}

func (d *diary) Publish(_ context.Context, records []*driver.Record) error {
	if d.calls++; d.calls == 2 {
		d.second()
	}
	for _, r := range records {
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				d.ids = append(d.ids, string(h.Value))
			}
		}
	}
	return nil
}
