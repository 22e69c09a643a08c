package saga_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onEachEngine runs f on SQLite in virtual time, and on PostgreSQL in real
// time.
func onEachEngine(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { inVirtualTime(t, f) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, err := postgres.Open(t.Context(), pgtest.URL(t))
		f(t, newWorld(t, db, err, false))
	})
}

func inVirtualTime(t *testing.T, f func(t *testing.T, w *world)) {
	path := t.TempDir() + "/context.db"
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), path)
		f(t, newWorld(t, db, err, true))
	})
}

// A note is an event with a key and a text.
type note struct {
	typ       *event.Type
	key, text string
}

func (n *note) EventType() *event.Type                { return n.typ }
func (n *note) EventKey() string                      { return n.key }
func (n *note) EventSubject() string                  { return n.key }
func (n *note) AppendBinary(b []byte) ([]byte, error) { return append(b, n.key+"="+n.text...), nil }

func (n *note) UnmarshalBinary(b []byte) error {
	var ok bool
	if n.key, n.text, ok = strings.Cut(string(b), "="); !ok {
		return errors.New("not a note")
	}
	return nil
}

func noteType(name string, fingerprint uint64) *event.Type {
	return &event.Type{
		Topic: "pl.notes." + name + ".v1", Context: "notes", Key: "key", Schema: `{"type":"record","name":"Note"}`, Fingerprint: fingerprint, Partitions: 1,
	}
}

var (
	captured = noteType("captured", 1)
	approved = noteType("approved", 2)
	granted  = noteType("granted", 3)
	alerted  = noteType("alerted", 4)
	ended    = noteType("ended", 5)
)

func on(typ *event.Type) saga.Event {
	return saga.Event{
		Route: bus.Route{Consumer: "notes.On" + typ.Topic, Type: typ, New: func() event.Message { return &note{typ: typ} }},
		Key:   func(e event.Message) string { return e.EventKey() },
	}
}

// Decode decodes records without framing, unless there is no registry.
func (w *world) Decode(_ context.Context, r *bus.Route, rec *driver.Record, d *bus.Delivery) error {
	if time.Now().UnixNano() < w.noRegistryUntil.Load() {
		return errors.New("the registry does not answer")
	}
	d.Message = r.New()
	d.Err = d.Message.UnmarshalBinary(rec.Value)
	return nil
}

// A world is the context that owns the saga, and those that it calls.
type world struct {
	t       testing.TB
	db      *database.DB
	lossy   *lossy
	store   *tx.Store
	def     saga.Definition
	others  *others
	virtual bool
	news    chan struct{}
	step    stepHook
	events  int
	loses   func(s bus.Step) // at the steps of an engine that crash runs

	noRegistryUntil atomic.Int64 // in nanoseconds
}

func newWorld(t testing.TB, db *database.DB, err error, virtual bool) *world {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, db: db, others: newOthers(), virtual: virtual, news: make(chan struct{}, 1)}
	db.Intercept(func(d database.Dialect) database.Dialect {
		w.lossy = &lossy{Dialect: d}
		return w.lossy
	})
	if err := db.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.define(enroll)
	return w
}

// define makes w's context own another saga.
func (w *world) define(make func(o *others) saga.Definition) {
	w.def = make(w.others)
	w.store = tx.NewStore(w.db, tx.Service{
		Context: "notes", Publishes: []*event.Type{granted, alerted, ended}, Consumers: saga.Consumers(w.def),
	}, tx.WithHooks(&w.step))
}

var fewTimes = bus.RetryPolicy{Attempts: 3, First: 5 * time.Millisecond, Max: 20 * time.Millisecond}

// enroll is the saga of the design: activate access, tell, send the invoice.
func enroll(o *others) saga.Definition {
	start := on(captured)
	start.Apply = func(_ context.Context, _ *tx.Tx, state proto.Message, e event.Message) error {
		set(state, "payment", e.EventKey())
		return nil
	}
	return saga.Definition{
		Name: "EnrollPremiumCourse", Context: "notes", Start: start, Deadline: time.Hour,
		NewState: func() proto.Message { return &structpb.Struct{} },
		Steps: []saga.Step{
			{Name: "activate_access", Call: o.call("course.Activate"), Undo: o.call("course.Revoke"), Retry: fewTimes},
			{Name: "grant", Publish: publish(granted), Retry: fewTimes},
			{Name: "invoice", Call: o.call("billing.Issue"), Retry: fewTimes, Continue: true, Failed: publishFailure},
		},
		Compensate: o.call("payment.Refund"),
		Ended: func(ctx context.Context, t *tx.Tx, state proto.Message, outcome saga.Outcome, cause *saga.Failure) error {
			if (cause == nil) != (outcome == saga.OutcomeCompleted) {
				return fmt.Errorf("%s, and that there is a cause is %t", outcome, cause != nil)
			}
			return t.Publish(ctx, &note{typ: ended, key: get(state, "payment"), text: string(outcome)})
		},
	}
}

func publish(typ *event.Type) func(ctx context.Context, t *tx.Tx, state proto.Message) error {
	return func(ctx context.Context, t *tx.Tx, state proto.Message) error {
		return t.Publish(ctx, &note{typ: typ, key: get(state, "payment")})
	}
}

func publishFailure(ctx context.Context, t *tx.Tx, state proto.Message, cause *saga.Failure) error {
	return t.Publish(ctx, &note{typ: alerted, key: get(state, "payment"), text: cause.Code.String()})
}

func set(state proto.Message, name, value string) {
	s := state.(*structpb.Struct)
	if s.Fields == nil {
		s.Fields = map[string]*structpb.Value{}
	}
	s.Fields[name] = structpb.NewStringValue(value)
}

func get(state proto.Message, name string) string {
	return state.(*structpb.Struct).GetFields()[name].GetStringValue()
}

// deliver has the context consume an event.
func (w *world) deliver(typ *event.Type, key, text string) {
	w.t.Helper()
	w.events++
	m := &note{typ: typ, key: key, text: text}
	value, _ := m.AppendBinary(nil)
	d := &bus.Delivery{
		Event:  event.Envelope{ID: fmt.Sprintf("event-%d", w.events), Extensions: []event.Extension{{Name: event.ExtCorrelationID, Value: "order-" + key}}},
		Record: &driver.Record{Topic: typ.Topic, Value: value, Time: time.Now()}, Message: m,
	}
	for _, c := range saga.Consumers(w.def) {
		if c.Type != typ {
			continue
		}
		_, _, err := w.store.Command(w.t.Context(), tx.Command{Method: "deliver"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
			return nil, c.Handle(bus.WithDelivery(ctx, d), t, m)
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.db.Ring()
}

// Moved implements saga.MoveHook.
func (w *world) Moved(string, *saga.Entry) {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (w *world) newEngine() *saga.Engine {
	w.t.Helper()
	e, err := saga.New(saga.Config{
		DB: w.db, Store: w.store, Definitions: []saga.Definition{w.def}, Decoder: w, Hooks: bus.Hooks{w, &w.step},
		Logger: quiet,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// run starts an engine.
func (w *world) run() (stop func()) {
	w.t.Helper()
	e := w.newEngine()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// until waits for a condition. In real time it makes delays pass.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	limit, poll := 100*time.Hour, time.Minute
	if !w.virtual {
		limit, poll = 20*time.Second, 20*time.Millisecond
	}
	for end := time.Now().Add(limit); !is(); {
		if time.Now().After(end) {
			w.t.Fatalf("waited too long for %s", what)
		}
		if !w.virtual {
			w.hurry()
		}
		database.Await(w.t.Context(), w.news, poll)
	}
}

// hurry makes delays pass. It may fail while commits do.
func (w *world) hurry() {
	_ = w.db.InTx(w.t.Context(), func(u *database.Unit) error {
		_, err := u.ExecContext(w.t.Context(),
			`UPDATE pl_saga SET due_at = $1 WHERE due_at > $1 AND leased_until IS NULL AND waiting = ''`, database.Now())
		return err
	})
	w.db.Ring()
}

// expire makes leases pass.
func (w *world) expire() {
	w.exec(`UPDATE pl_saga SET due_at = $1, leased_until = $1 WHERE leased_until IS NOT NULL`, database.Now())
	w.db.Ring()
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

func (w *world) show(key string) *saga.Details {
	w.t.Helper()
	d, err := saga.Show(w.t.Context(), w.db, w.def.Name, saga.InstanceID(w.def.Name, key))
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) status(key string) saga.Status { return w.show(key).Status }

// ends waits until the instance is at its end, or stuck.
func (w *world) ends(key string) saga.Status {
	w.t.Helper()
	w.until("the end of "+key, func() bool { s := w.status(key); return s.Ended() || s == saga.StatusStuck })
	return w.status(key)
}

// published returns the events of the outbox for a key, as type and text.
func (w *world) published(key string) (events []string) {
	w.t.Helper()
	err := database.Each(w.t.Context(), w.db.Reading(), `SELECT topic, data FROM pl_outbox ORDER BY seq`, nil, func(rows *sql.Rows) error {
		var topic string
		var data []byte
		err := rows.Scan(&topic, &data)
		if k, text, _ := strings.Cut(string(data), "="); k == key {
			events = append(events, strings.TrimSuffix(strings.TrimPrefix(topic, "pl.notes."), ".v1")+":"+text)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// check fails unless an instance has ended as it says, with each effect once.
func (w *world) check(key string) {
	w.t.Helper()
	w.others.arrive()
	status := w.status(key)
	o := w.others
	o.mu.Lock()
	access := o.access[key]
	o.mu.Unlock()
	refunds := o.count("payment.Refund", key)
	for _, method := range []string{"course.Activate", "billing.Issue", "payment.Refund"} {
		if n := o.count(method, key); n > 1 {
			w.t.Errorf("%s: %s had its effect %d times", key, method, n)
		}
	}
	o.mu.Lock()
	for at, keys := range o.keys {
		if strings.HasSuffix(at, " "+key) && len(keys) > 1 {
			w.t.Errorf("%s was called with %d keys", at, len(keys))
		}
	}
	o.mu.Unlock()
	grants := strings.Count(strings.Join(w.published(key), ","), "granted")
	switch status {
	case saga.StatusCompleted:
		if !access || refunds != 0 || grants != 1 {
			w.t.Errorf("%s is completed with access %v, %d refunds and %d grants", key, access, refunds, grants)
		}
	case saga.StatusCompensated:
		if access || refunds != 1 {
			w.t.Errorf("%s is compensated with access %v and %d refunds", key, access, refunds)
		}
	default:
		w.t.Errorf("%s ends as %s", key, status)
	}
	if want := "ended:" + string(status); !slices.Contains(w.published(key), want) || strings.Count(strings.Join(w.published(key), ","), "ended") != 1 {
		w.t.Errorf("%s published %q, want one %s", key, w.published(key), want)
	}
}

func (w *world) decision(key, step string) saga.Decision {
	w.t.Helper()
	d := w.show(key)
	return saga.Decision{Saga: d.Saga, ID: d.ID, Version: d.Version, Step: step, Actor: "anna", Reason: "the course is open again"}
}

func whats(d *saga.Details) (all []string) {
	for i := range d.History {
		all = append(all, strings.TrimSpace(d.History[i].Step+" "+d.History[i].What))
	}
	return all
}

// Short names for the signatures of definitions.
type (
	ctx  = context.Context
	txTx = tx.Tx
)
