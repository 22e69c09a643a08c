package tx_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// engines are the databases that every test of the suite runs on. again opens
// the same database from another process, as it were.
var engines = []struct {
	name string
	open func(tb testing.TB) (db *database.DB, again func() *database.DB)
}{
	{"sqlite", func(tb testing.TB) (*database.DB, func() *database.DB) {
		path := tb.TempDir() + "/context.db"
		open := opener(tb, func(ctx context.Context) (*database.DB, error) { return sqlite.Open(ctx, path) })
		return open(), open
	}},
	{"postgres", func(tb testing.TB) (*database.DB, func() *database.DB) {
		url := pgtest.URL(tb)
		open := opener(tb, func(ctx context.Context) (*database.DB, error) { return postgres.Open(ctx, url) })
		return open(), open
	}},
	{"pgbouncer", func(tb testing.TB) (*database.DB, func() *database.DB) {
		url, _ := pgtest.PooledURL(tb)
		open := opener(tb, func(ctx context.Context) (*database.DB, error) { return postgres.Open(ctx, url) })
		return open(), open
	}},
}

func opener(tb testing.TB, open func(context.Context) (*database.DB, error)) func() *database.DB {
	return func() *database.DB {
		tb.Helper()
		db, err := open(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := db.Close(); err != nil {
				tb.Errorf("close database: %v", err)
			}
		})
		return db
	}
}

// onEachEngine runs f as a subtest on every engine, on an empty database with
// the tables of the suite.
func onEachEngine(t *testing.T, f func(t *testing.T, w *world)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t, e.open))
		})
	}
}

var tables = fstest.MapFS{
	"sqlite/0001_effects.sql":   {Data: []byte(effectTables)},
	"postgres/0001_effects.sql": {Data: []byte(effectTables)},
}

const effectTables = `CREATE TABLE effect (event text NOT NULL);
CREATE TABLE badge (name text PRIMARY KEY, awarded integer NOT NULL DEFAULT 0);`

// A note is an event with one string field.
type note struct {
	typ       *event.Type
	key, text string
}

func (n *note) EventType() *event.Type         { return n.typ }
func (n *note) EventKey() string               { return n.key }
func (n *note) EventSubject() string           { return n.key }
func (n *note) UnmarshalBinary(b []byte) error { return errors.New("unused") }

func (n *note) AppendBinary(b []byte) ([]byte, error) {
	if n.text == "unencodable" {
		return nil, errors.New("text cannot be encoded")
	}
	return append(binary.AppendVarint(b, int64(len(n.text))), n.text...), nil
}

func noteType(name string, version int, fingerprint uint64) *event.Type {
	return &event.Type{
		Topic: fmt.Sprintf("pl.notes.%s.v%d", name, version), Context: "notes", Key: "key",
		Schema: `{"type":"record","name":"Note"}`, Fingerprint: fingerprint, Partitions: 3,
	}
}

var (
	noted    = noteType("noted", 1, 1<<63+7) // does not fit a signed number
	notedV2  = noteType("noted", 2, 8)
	copied   = noteType("copied", 1, 9)
	secret   = noteType("secret", 1, 10)
	consumed = noteType("consumed", 1, 11)
)

// A world is one context on one engine.
type world struct {
	t     testing.TB
	db    *database.DB
	again func() *database.DB
	lossy *lossy
	store *tx.Store
	route bus.Route
	// handle is what the consumer does; it counts its runs.
	handle tx.Handler
	mu     sync.Mutex
	runs   []string // event ids, in the order of the runs
	diary
	keyIsID bool // saves benchmarks from looking ids up
}

const consumerName = "notes.OnConsumed"

func newWorld(tb testing.TB, open func(testing.TB) (*database.DB, func() *database.DB)) *world {
	tb.Helper()
	w := &world{t: tb, handle: recordEffect}
	w.db, w.again = open(tb)
	w.db.Intercept(func(d database.Dialect) database.Dialect {
		w.lossy = &lossy{Dialect: d}
		return w.lossy
	})
	if err := w.db.Migrate(tb.Context(), tables); err != nil {
		tb.Fatal(err)
	}
	w.route = bus.Route{Consumer: consumerName, Type: consumed, New: func() event.Message { return new(note) }, Timeout: 5 * time.Second}
	w.store = w.newStore(w.db)
	return w
}

// newStore is the same context in another process when db is.
func (w *world) newStore(db *database.DB, opts ...tx.Option) *tx.Store {
	opts = append([]tx.Option{tx.WithHooks(&w.diary), tx.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	return tx.NewStore(db, tx.Service{
		Context: "notes", Publishes: []*event.Type{noted, notedV2, copied},
		Consumers: []tx.Consumer{{Route: w.route, Handle: func(ctx context.Context, t *tx.Tx, m event.Message) error {
			w.mu.Lock()
			w.runs = append(w.runs, bus.DeliveryFrom(ctx).Event.ID)
			w.mu.Unlock()
			return w.handle(ctx, t, m)
		}}},
	}, opts...)
}

// recordEffect has one effect and publishes one event.
func recordEffect(ctx context.Context, t *tx.Tx, m event.Message) error {
	id := bus.DeliveryFrom(ctx).Event.ID
	if _, err := t.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ($1)`, id); err != nil {
		return err
	}
	return t.Publish(ctx, &note{typ: noted, key: m.EventKey(), text: id})
}

var day0 = time.Now().UTC().Truncate(time.Microsecond)

// deliveries are records at successive offsets with these event ids.
func deliveries(offset int64, ids ...string) []*bus.Delivery {
	batch := make([]*bus.Delivery, len(ids))
	for i, id := range ids {
		batch[i] = &bus.Delivery{
			Consumer: consumerName, Attempt: 1, Message: &note{typ: consumed, key: "k" + id, text: id},
			Event:  event.Envelope{ID: id, Source: "/pulselearn/other", Type: consumed.Topic, Time: day0},
			Record: &driver.Record{Topic: consumed.Topic, Offset: offset + int64(i), Time: day0},
		}
	}
	return batch
}

func (w *world) claim() *bus.Claim {
	w.t.Helper()
	c, err := w.store.Claim(w.t.Context(), &w.route, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return &c
}

// apply expects done deliveries to be committed and returns the error.
func (w *world) apply(c *bus.Claim, batch []*bus.Delivery, done int) error {
	w.t.Helper()
	n, err := w.store.Apply(w.t.Context(), c, batch)
	if n != done {
		w.t.Fatalf("committed %d deliveries, want %d; error: %v", n, done, err)
	}
	return err
}

func (w *world) applyAll(c *bus.Claim, batch []*bus.Delivery) {
	w.t.Helper()
	if err := w.apply(c, batch, len(batch)); err != nil {
		w.t.Fatal(err)
	}
}

// column returns the first column of a query's rows as text.
func (w *world) column(query string, args ...any) []string {
	w.t.Helper()
	rows, err := w.db.Reading().QueryContext(w.t.Context(), query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	err := w.db.InTx(w.t.Context(), func(u *database.Unit) error {
		_, err := u.ExecContext(w.t.Context(), query, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) expect(what string, got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// expectState compares the effects, the outbox's events and the position.
func (w *world) expectState(next int64, effects ...string) {
	w.t.Helper()
	w.expect("effects", w.column(`SELECT event FROM effect ORDER BY event`), effects...)
	var published []string
	for _, data := range w.column(`SELECT data FROM pl_outbox WHERE headers IS NULL ORDER BY seq`) {
		published = append(published, data[1:])
	}
	slices.Sort(published)
	w.expect("outbox", published, effects...)
	w.expect("position", w.column(`SELECT next_offset FROM pl_consumer_partition`), fmt.Sprint(next))
}

// ran returns the event ids of the handler's runs so far and forgets them.
func (w *world) ran() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	runs := w.runs
	w.runs = nil
	return runs
}

// command runs a command with a key that effects and answers text.
func (w *world) command(ctx context.Context, store *tx.Store, key, text string) (string, bool, error) {
	response, replayed, err := store.Command(ctx, keyed(key, text), func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		_, err := t.Conn().ExecContext(ctx, `INSERT INTO effect (event) VALUES ($1)`, text)
		return []byte("did " + text), err
	})
	return string(response), replayed, err
}

func keyed(key, request string) tx.Command {
	c := tx.Command{Method: "/pl.notes.v1.NotesService/Add", Caller: "tester", Key: key}
	copy(c.RequestHash[:], request)
	return c
}
