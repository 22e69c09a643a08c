package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/realtime/presence"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A unit is one context at work.
type unit struct {
	*Definition
	log    *slog.Logger
	db     *database.DB
	store  *tx.Store
	relay  *outbox.Relay // nil when the context neither publishes nor consumes
	router *bus.Router   // nil when it consumes nothing
	engine *saga.Engine  // nil when it has no sagas
}

func (p *Process) openDatabases(ctx context.Context) error {
	for i := range p.app.definitions {
		d := &p.app.definitions[i]
		db, err := p.openDatabase(ctx, d.Context)
		if err != nil {
			return fmt.Errorf("database of %s: %w", d.Context, err)
		}
		p.closeLast("database of "+d.Context, db)
		if err := p.migrateOrVerify(ctx, db, d); err != nil {
			return fmt.Errorf("database of %s: %w", d.Context, err)
		}
		p.units = append(p.units, &unit{Definition: d, log: p.log.With("context", d.Context), db: db})
	}
	return nil
}

func (p *Process) openDatabase(ctx context.Context, name string) (*database.DB, error) {
	if url, key := p.cfg.databaseURL(name); url != "" {
		db, err := p.engines.OpenPostgres(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		return db, nil
	}
	if err := os.MkdirAll(p.cfg.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("PL_DATA_DIR: %w", err)
	}
	return p.engines.OpenSQLite(ctx, filepath.Join(p.cfg.DataDir, name+".db"))
}

func (p *Process) migrateOrVerify(ctx context.Context, db *database.DB, d *Definition) error {
	if p.cfg.provisions() {
		return db.Migrate(ctx, d.Migrations)
	}
	return db.Verify(ctx, d.Migrations)
}

// provision makes sure that every topic and schema that the process needs is
// there: it creates them or, in production, looks.
func (p *Process) provision(ctx context.Context) error {
	if p.cfg.provisions() {
		err := p.patiently(ctx, func() error { return p.conn.EnsureTopics(ctx, p.topics()) })
		if err != nil {
			return fmt.Errorf("create topics: %w", err)
		}
	}
	for _, u := range p.units {
		err := p.patiently(ctx, func() error { return p.schemas.ids.Resolve(ctx, u.Publishes...) })
		if err != nil {
			return p.explainSchemas(err)
		}
	}
	return nil
}

// explainSchemas says what to do about schemas that have no id.
func (p *Process) explainSchemas(err error) error {
	if p.cfg.RegistryLock != "" {
		return err
	}
	if errors.Is(err, schema.ErrUnknownSchema) {
		return fmt.Errorf("%w\nthe registry at %s lacks schemas: run \"pl-gen register\", or start once with PL_PROVISION=true", err, p.registryURL())
	}
	return fmt.Errorf("registry at %s (PL_REGISTRY_URL): %w", p.registryURL(), err)
}

// deadLetterRetention is how long a dead letter's copy is kept at least, so
// that people have time for it.
const deadLetterRetention = 30 * 24 * time.Hour

// deadLetters is the topic of what a context cannot handle of an event.
func deadLetters(t *event.Type, context string) driver.Topic {
	kept := t.Retention
	if kept != driver.Forever {
		kept = max(kept, deadLetterRetention)
	}
	return driver.Topic{Name: tx.DeadLetters(t.Topic, context), Partitions: t.Partitions, Retention: kept}
}

// topics returns every topic that a context publishes or consumes, or that its
// dead letters are copied to, and that of presence where channels show it, by
// name.
func (p *Process) topics() []driver.Topic {
	all := map[string]driver.Topic{}
	add := func(t *event.Type) {
		all[t.Topic] = driver.Topic{Name: t.Topic, Partitions: t.Partitions, Retention: t.Retention}
	}
	for _, u := range p.units {
		for _, t := range u.Publishes {
			add(t)
		}
		for i := range u.Consumers {
			add(u.Consumers[i].Type)
			dead := deadLetters(u.Consumers[i].Type, u.Context)
			all[dead.Name] = dead
		}
	}
	if p.app.front.Realtime.ShowsPresence() {
		shown := presence.Topic()
		all[shown.Name] = shown
	}
	topics := make([]driver.Topic, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		topics = append(topics, all[name])
	}
	return topics
}

// startUnits assembles every context, opens the calls to it, and starts its
// relay and its router.
func (p *Process) startUnits(ctx context.Context) error {
	clientSpans, err := p.telemetry.ClientInterceptor()
	if err != nil {
		return fmt.Errorf("trace calls to other contexts: %w", err)
	}
	p.directory = rpc.NewDirectory(p.server, p.cfg.Calls, clientSpans)
	if p.engines.Attempts != nil {
		p.directory.Intercept(p.engines.Attempts)
	}
	p.directory.Observe(callLog{p.telemetry.Calls(), p.log})
	p.directory.Identify(p.services)
	for _, u := range p.units {
		p.directory.AddLocal(u.Context)
	}
	for _, u := range p.units {
		if err := p.assemble(ctx, u); err != nil {
			return fmt.Errorf("context %s: %w", u.Context, err)
		}
	}
	if err := p.preparePlain(ctx); err != nil {
		return err
	}
	if err := p.openGate(); err != nil {
		return err
	}
	for _, u := range p.units {
		p.run(u)
	}
	return nil
}

func (p *Process) assemble(ctx context.Context, u *unit) error {
	if err := p.directory.Check(u.Calls...); err != nil {
		return &ConfigError{err}
	}
	if u.Configure != nil {
		if err := u.Configure(p.cfg); err != nil {
			return &ConfigError{err}
		}
	}
	hooks := append(bus.Hooks{p.telemetry.Hooks(u.Context), deliveryLog{u.log}, &p.pauses, stuckGuard{p.failed}}, p.engines.Hooks...)
	if u.Sagas != nil {
		hooks = append(hooks, saga.NewBell(u.db, u.Sagas(p.directory)...))
	}
	u.store = tx.NewStore(u.db, tx.Service{Context: u.Context, Publishes: u.Publishes, Consumers: u.Consumers},
		tx.WithHooks(hooks...), tx.WithTrace(p.telemetry.TraceHeaders), tx.WithLogger(u.log))
	if err := u.store.Start(ctx); err != nil {
		return err
	}
	p.authorizer.Add(u.Context, u.Access)
	u.Methods(p.server, rpc.NewCore(u.store, u.Code), p.directory.As(identity.Caller{Service: u.Context}))
	if len(u.Publishes)+len(u.Consumers) > 0 { // dead letters are published too
		u.relay = outbox.NewRelay(u.db, p.conn, p.schemas, outbox.WithHooks(hooks...), outbox.WithLogger(u.log))
	}
	if err := p.assembleSagas(u, hooks); err != nil {
		return err
	}
	if len(u.Consumers) == 0 {
		return nil
	}
	routes := make([]bus.Route, len(u.Consumers))
	for i := range u.Consumers {
		routes[i] = u.Consumers[i].Route
	}
	var err error
	u.router, err = bus.NewRouter(bus.Config{
		Group: "pl." + u.Context, Conn: p.conn, Store: u.store, Decoder: p.schemas,
		Routes: routes, Logger: u.log, Hooks: hooks,
	})
	return err
}

func (p *Process) assembleSagas(u *unit, hooks bus.Hooks) (err error) {
	if u.Sagas == nil {
		return nil
	}
	u.engine, err = saga.New(saga.Config{
		DB: u.db, Store: u.store, Definitions: u.Sagas(p.directory), Decoder: p.schemas, Logger: u.log, Hooks: hooks,
	})
	return err
}

// run starts the context's relay, router and sagas, and the upkeep of its
// database.
func (p *Process) run(u *unit) {
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	start := func(name string, run func() error) {
		parts.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				report(p.failed, fmt.Errorf("%s of %s: %w", name, u.Context, err))
			}
		})
	}
	p.onClose("work of "+u.Context, func(context.Context) error {
		stop()
		parts.Wait()
		return nil
	})
	start("upkeep", func() error { return u.db.Maintain(ctx, u.log) })
	if p.calls != nil { // which serves the metrics
		start("backlog", func() error { return p.watchBacklog(ctx, u) })
	}
	if u.relay != nil {
		start("relay", func() error { return u.relay.Run(ctx) })
	}
	if u.router != nil {
		start("router", func() error { return u.router.Run(ctx) })
	}
	if u.HTTP != nil && u.HTTP.Work != nil {
		start("work", func() error { return u.HTTP.Work(ctx, u.store) })
	}
	if u.engine != nil {
		start("sagas", func() error { return u.engine.Run(ctx) })
	}
}

// drainUnits finishes the batches in flight of every context, and then
// publishes what is in their outboxes.
func (p *Process) drainUnits(ctx context.Context) error {
	return errors.Join(
		p.forEachUnit(func(u *unit) error {
			if u.router == nil {
				return nil
			}
			return u.router.Close(ctx)
		}),
		p.forEachUnit(func(u *unit) error { return u.flush(ctx) }),
	)
}

// flush waits until the outbox is published. The relay is at it already.
func (u *unit) flush(ctx context.Context) error {
	if u.relay == nil {
		return nil
	}
	if err := outbox.Flushed(ctx, u.db); err != nil {
		return fmt.Errorf("context %s: %w", u.Context, err)
	}
	return nil
}

func (p *Process) forEachUnit(f func(*unit) error) error {
	var group errgroup.Group
	errs := make([]error, len(p.units))
	for i, u := range p.units {
		group.Go(func() error {
			errs[i] = f(u)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// components adds the state of the context's components to state.
func (u *unit) components(ctx context.Context, state map[string]error) {
	state[u.Context+".database"] = u.db.Ping(ctx)
	if u.router != nil {
		state[u.Context+".consumers"] = u.router.Ready()
	}
}
