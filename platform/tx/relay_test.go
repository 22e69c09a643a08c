package tx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// relay runs a relay until the test or the returned function ends it.
func (w *world) relay(db *database.DB, out driver.Conn) (stop func()) {
	r := outbox.NewRelay(db, out, fixedRegistry{}, outbox.WithLogger(slog.New(slog.DiscardHandler)))
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

// drained waits until the outbox has nothing left to publish.
func (w *world) drained(db *database.DB) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := outbox.Unpublished(ctx, db)
		if err != nil {
			w.t.Fatalf("%d events are left in the outbox: %v", left, err)
		}
		if left == 0 {
			return
		}
		<-tick.C
	}
}

// publish publishes notes with a key in a transaction each.
func (w *world) publish(key string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.publishAll(&note{typ: noted, key: key, text: text})
	}
}

func (w *world) publishAll(events ...event.Message) {
	w.t.Helper()
	_, _, err := w.store.Command(w.t.Context(), tx.Command{Method: "publish"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		return nil, t.Publish(ctx, events...)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestRelayKeepsTheOrderOfAKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		w.publish("k", numbers(0, 20)...)
		w.relay(w.db, b)
		w.publish("k", numbers(20, 40)...)
		w.drained(w.db)
		w.expect("records", b.texts("k"), numbers(0, 40)...)
	})
}

func TestRelayedRecord(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		trace := func(context.Context) (string, string) {
			return "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b"
		}
		w.store = w.newStore(w.db, tx.WithTrace(trace))
		w.handle = func(ctx context.Context, tr *tx.Tx, _ event.Message) error {
			return tr.Publish(ctx, &note{typ: noted, key: "stud-1", text: "hello"})
		}
		cause := deliveries(0, "cause")
		cause[0].Event.Extensions = []event.Extension{{Name: event.ExtCorrelationID, Value: "flow"}}
		w.applyAll(w.claim(), cause)
		b := newBroker()
		w.relay(w.db, b)
		w.drained(w.db)
		r := b.records[0]
		if want := "\x00\x00\x00\x03\x2f\x0ahello"; string(r.Value) != want { // 1<<63+7 mod 1000 is 815
			t.Errorf("value is %q, want %q", r.Value, want)
		}
		if r.Topic != noted.Topic || string(r.Key) != "stud-1" {
			t.Errorf("topic and key are %s and %s", r.Topic, r.Key)
		}
		for name, want := range map[string]string{
			"ce_specversion": "1.0", "ce_type": noted.Topic, "ce_source": "/pulselearn/notes", "ce_subject": "stud-1",
			"content-type": "application/avro", "ce_partitionkey": "stud-1", "ce_causationid": "cause", "ce_correlationid": "flow",
			"ce_traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ce_tracestate": "a=b",
			"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=b",
		} {
			if got := header(r, name); got != want {
				t.Errorf("header %s is %q, want %q", name, got, want)
			}
		}
		for _, name := range []string{"ce_id", "ce_time", "ce_recordedtime"} {
			if header(r, name) == "" {
				t.Errorf("header %s is missing", name)
			}
		}
	})
}

// The ids of events are made once: what is published again is the same event.
func TestRelayPublishesAgainAfterACrashBeforeTheMark(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		w.publish("k", numbers(0, 5)...)
		crash := make(chan struct{})
		b.before = func([]*driver.Record) error {
			<-crash
			return nil
		}
		stop := w.relay(w.db, b)
		// The process dies while the broker takes the records: another takes
		// over, and the mark of the first comes too late.
		w.exec(`UPDATE pl_relay SET epoch = epoch + 1`)
		close(crash)
		<-b.came
		w.exec(`UPDATE pl_relay SET leased_until = $1`, time.Unix(0, 0).UTC())
		w.drained(w.db)
		stop()
		if got := firsts(b.texts("k")); !slices.Equal(got, numbers(0, 5)) {
			t.Errorf("first copies came as %q", got)
		}
		if len(b.records) < 5 {
			t.Errorf("%d records were published", len(b.records))
		}
		ids := make(map[string]string)
		for _, r := range b.records {
			text, id := string(r.Value[6:]), header(r, "ce_id")
			if before, ok := ids[text]; ok && before != id {
				t.Errorf("event %s was published with ids %s and %s", text, before, id)
			}
			ids[text] = id
		}
	})
}

func TestRelayStopsAtAFailure(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		var failures atomic.Int32
		b.before = func([]*driver.Record) error {
			if failures.Add(1) <= 3 {
				return errBroker
			}
			return nil
		}
		w.publish("k", numbers(0, 10)...)
		w.relay(w.db, b)
		w.drained(w.db)
		if got := firsts(b.texts("k")); !slices.Equal(got, numbers(0, 10)) {
			t.Errorf("first copies came as %q", got)
		}
	})
}

// A process that ends does not wait for what others go on publishing.
func TestFlushedIsAboutWhatIsThere(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		b.before = func([]*driver.Record) error {
			w.publish("k", "more") // the outbox is never empty
			return nil
		}
		w.publish("k", "a")
		stop := w.relay(w.db, b)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := outbox.Flushed(ctx, w.db); err != nil {
			t.Error(err)
		}
		stop()
		w.publish("k", "left")
		ended, end := context.WithCancel(t.Context())
		end()
		if err := outbox.Flushed(ended, w.db); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

// A sequence is not the order of commits: a row with a lower one may appear
// after others were published.
// An event that no broker takes stops its shard. What is in front of it gets
// through, and what is behind is not published again and again.
func TestRelayStopsInFrontOfAnEventThatCannotBePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		b := newBroker()
		b.before = func(records []*driver.Record) error {
			for _, r := range records {
				if strings.HasSuffix(string(r.Value), "refused") {
					return fmt.Errorf("%d records refused", len(records))
				}
			}
			return nil
		}
		w.publish("k", numbers(0, 10)...)
		w.publish("k", "refused")
		w.publish("k", numbers(10, 100)...)
		stop := w.relay(db, b)
		time.Sleep(time.Hour) // virtual
		stop()
		w.expect("unpublished", w.column(`SELECT count(*) FROM pl_outbox WHERE published_at IS NULL`), "91")
		if n := len(b.records); n > 300 {
			t.Errorf("%d records were written for 10 events that got through and 91 that wait", n)
		}
	})
}

func TestRelayFindsRowsThatAppearLate(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		w.publish("k", "early", "late")
		w.exec(`UPDATE pl_outbox SET published_at = $1 WHERE seq = (SELECT min(seq) FROM pl_outbox)`, time.Now().UTC())
		w.relay(w.db, b)
		w.drained(w.db)
		w.exec(`UPDATE pl_outbox SET published_at = NULL WHERE seq = (SELECT min(seq) FROM pl_outbox)`)
		outbox.NewRelay(w.db, b, fixedRegistry{}).Wake()
		w.drained(w.db)
		w.expect("records", b.texts("k"), "late", "early")
	})
}

func TestOneRelayAShard(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		if w.db.Dialect() == "sqlite3" {
			t.Log("a SQLite file belongs to one process, whose relay takes over at once; TestRelayPublishesAgainAfterACrashBeforeTheMark has the zombie")
			return
		}
		first, second := newBroker(), newBroker()
		stop := w.relay(w.db, first)
		w.publish("k", "a")
		w.drained(w.db)
		other := w.again()
		w.relay(other, second)
		w.publish("k", "b")
		w.drained(w.db)
		stop() // gives its shards back
		w.publish("k", "c")
		w.drained(other)
		w.expect("first relay", first.texts(""), "a", "b")
		w.expect("second relay", second.texts(""), "c")
	})
}

// A broker that is slow does not cost the lease.
func TestLeaseIsRenewedWhilePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		b := newBroker()
		b.before = func([]*driver.Record) error {
			time.Sleep(12 * time.Second) // virtual
			until := w.column(`SELECT leased_until FROM pl_relay`)[0]
			if at, err := time.Parse(time.RFC3339, until); err != nil || at.Before(time.Now()) {
				t.Errorf("the lease ended at %s: %v", until, err)
			}
			return nil
		}
		w.publish("k", "a")
		stop := w.relay(db, b)
		w.drained(db)
		stop()
		if len(b.records) != 1 {
			t.Errorf("%d records were published, want 1", len(b.records))
		}
	})
}

// A relay whose shard is taken while it publishes gives up.
func TestPublishEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		w := newWorld(t, func(testing.TB) (*database.DB, func() *database.DB) { return db, nil })
		b := newBroker()
		var once sync.Once
		w.publish("k", "a")
		began := time.Now()
		b.blocked = func(ctx context.Context) {
			once.Do(func() {
				w.exec(`UPDATE pl_relay SET epoch = epoch + 1`)
				<-ctx.Done()
			})
		}
		stop := w.relay(db, b)
		w.drained(db)
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the zombie gave up after %v", took)
		}
	})
}

func TestRelayUsesTheSchemaOfTheDatabase(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.publish("k", "a")
		w.exec(`DELETE FROM pl_event_schema`)
		b := newBroker()
		w.relay(w.db, b)
		if err := w.newStore(w.db).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.drained(w.db)
		w.expect("records", b.texts("k"), "a")
	})
}

func TestPublishRefuses(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		other := *noted
		other.Fingerprint++
		for name, c := range map[string]struct {
			e    event.Message
			want string
		}{
			"undeclared": {&note{typ: secret, key: "k"}, "does not declare"},
			"schema":     {&note{typ: &other, key: "k"}, "does not declare"},
			"oversized":  {&note{typ: noted, key: "k", text: strings.Repeat("x", tx.MaxEventSize)}, "921603 bytes"},
			"broken":     {&note{typ: noted, key: "k", text: "unencodable"}, "cannot be encoded"},
			"nil":        {nil, "nil"},
			// Nobody could relay these: the attributes or the record would be refused.
			"control":  {&note{typ: noted, key: "k\nl"}, "attributes"},
			"long key": {&note{typ: noted, key: strings.Repeat("k", 32<<10)}, "key and attributes"},
		} {
			_, _, err := w.store.Command(t.Context(), keyed(name, name), func(ctx context.Context, tr *tx.Tx) ([]byte, error) {
				_ = tr.Publish(ctx, &note{typ: noted, key: "k", text: "fine"}, c.e)
				return nil, nil // the error counts although it is dropped
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
		w.expect("outbox", w.column(`SELECT id FROM pl_outbox`))
	})
}

func TestLargestEventFits(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		large := strings.Repeat("x", tx.MaxEventSize-3)
		w.publish("k", large, large, large, large, large, large)
		w.relay(w.db, b)
		w.drained(w.db)
		if len(b.records) != 6 || len(b.records[0].Value) != tx.MaxEventSize+5 {
			t.Errorf("%d records", len(b.records))
		}
	})
}

// An empty key is a key: its events are in one partition, in order.
func TestEmptyKeyIsRelayed(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		b := newBroker()
		w.publish("", "a")
		w.relay(w.db, b)
		w.drained(w.db)
		if key := b.records[0].Key; key == nil || len(key) != 0 {
			t.Errorf("the record's key is %#v, want an empty one", key)
		}
	})
}

// The clock of a relay that has died may have been wrong by an hour. Nobody
// waits that long for its lease.
func TestLeaseOfAWrongClockEnds(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		for shard := range 2 {
			w.exec(`INSERT INTO pl_relay (shard, epoch, holder, leased_until) VALUES ($1, 7, 'gone', $2)`,
				shard, time.Now().Add(time.Hour).UTC())
		}
		b := newBroker()
		w.publish("k", "a")
		w.relay(w.db, b)
		w.drained(w.db)
		w.expect("records", b.texts("k"), "a")
	})
}

func TestVersionsOfOneEventAreTheSame(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		w.publishAll(
			&note{typ: noted, key: "k", text: "1"}, &note{typ: noted, key: "k", text: "2"},
			&note{typ: notedV2, key: "k", text: "1"}, &note{typ: copied, key: "k", text: "3"},
			&note{typ: notedV2, key: "k", text: "2"})
		b := newBroker()
		w.relay(w.db, b)
		w.drained(w.db)
		ids := make(map[string]string)
		for _, r := range b.records {
			if r.Topic != notedV2.Topic {
				ids[string(r.Value[6:])] = header(r, "ce_id")
				w.expect("sameas of "+r.Topic, []string{header(r, "ce_sameas")}, "")
			}
		}
		for _, r := range b.records {
			if r.Topic == notedV2.Topic {
				w.expect("sameas", []string{header(r, "ce_sameas")}, ids[string(r.Value[6:])])
			}
		}
	})
}

func TestManyEventsInOneTransaction(t *testing.T) {
	onEachEngine(t, func(t *testing.T, w *world) {
		events := make([]event.Message, 2500)
		for i := range events {
			events[i] = &note{typ: noted, key: "k", text: fmt.Sprint(i)}
		}
		w.publishAll(events...)
		b := newBroker()
		w.relay(w.db, b)
		w.drained(w.db)
		w.expect("records", b.texts("k"), numbers(0, 2500)...)
	})
}
