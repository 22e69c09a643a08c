package outbox_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A silent broker takes records and does not say so, the first time.
type silent struct {
	driver.Conn
	mu         sync.Mutex
	kept, then []*driver.Record
	taken      int
}

func (b *silent) Publish(_ context.Context, records []*driver.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept == nil {
		b.kept, b.then = slices.Clone(records), deepClone(records)
		return errors.New("no answer")
	}
	b.taken += len(records)
	return nil
}

func deepClone(records []*driver.Record) []*driver.Record {
	out := make([]*driver.Record, len(records))
	for i, r := range records {
		c := *r
		c.Key, c.Value, c.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
		for j := range c.Headers {
			c.Headers[j].Value = slices.Clone(c.Headers[j].Value)
		}
		out[i] = &c
	}
	return out
}

// A relay uses the memory of its records again, but not of those that a broker
// may still be reading.
func TestRelayLeavesRecordsOfAFailedPublishAlone(t *testing.T) {
	db, err := sqlite.Open(t.Context(), t.TempDir()+"/c.db")
	if err == nil {
		err = db.Migrate(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	write(t, db, "pl.t.a.v1", "k", 2500)
	b := &silent{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = outbox.NewRelay(db, b, registry{}, outbox.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))).Run(ctx)
	}()
	if err := outbox.Flushed(t.Context(), db); err != nil {
		t.Error(err)
	}
	stop()
	<-done
	if len(b.kept) == 0 || b.taken != 2500 || !reflect.DeepEqual(b.kept, b.then) {
		t.Errorf("%d records of the publish that failed, which have changed or not; %d published later", len(b.kept), b.taken)
	}
}
