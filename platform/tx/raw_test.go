package tx_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A raw record reaches the broker as it is, next to the events of its
// transaction.
func TestRawRecordsArePublishedExactly(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		want := []*driver.Record{
			{Topic: "dlq", Key: []byte("k"), Value: []byte{0xff, 0, '\n'}, Headers: []event.Header{{Key: "a b\n", Value: []byte{0}}, {Key: "pl-cause", Value: []byte("c")}}},
			{Topic: "dlq", Key: []byte{}, Value: nil, Headers: []event.Header{{Key: "x"}}},
			{Topic: "dlq", Value: []byte{}, Headers: []event.Header{}},
		}
		var raw []outbox.Event
		for _, r := range want {
			r.Time = day0
			raw = append(raw, outbox.Event{
				Topic: r.Topic, Key: r.Key, Data: r.Value, Headers: r.Headers,
				Envelope: event.Envelope{ID: event.NewID(), Time: r.Time},
			})
		}
		w.insertOutbox(raw...)
		w.publishAll(&note{typ: noted, key: "k", text: "event"})
		b := newBroker()
		stop := w.relay(w.db, b)
		w.drained(w.db)
		stop()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.records) < 4 {
			t.Fatalf("%d records, want 4 or more", len(b.records))
		}
		for _, r := range want {
			if len(r.Headers) == 0 {
				r.Headers = nil
			}
			if !slices.ContainsFunc(b.records, func(got *driver.Record) bool { return reflect.DeepEqual(got, r) }) {
				t.Errorf("missing %+v", r)
			}
		}
	})
}

func (w *world) insertOutbox(events ...outbox.Event) {
	w.t.Helper()
	day, err := outbox.Prepare(w.t.Context(), w.db, database.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.db.InTx(w.t.Context(), func(u *database.Unit) error {
		return outbox.Insert(context.WithoutCancel(w.t.Context()), w.db, u, day, events)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
