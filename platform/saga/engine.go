package saga

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/tx"
)

const (
	// maxAtOnce is how many instances an engine works on at one time.
	maxAtOnce = 32
	// poll is how often an engine looks for instances that became due without
	// a ring: in another process and, of an engine's one process, from the hold.
	poll, lonelyPoll = time.Second, 5 * time.Second
	// attemptTime bounds one attempt of a call.
	attemptTime = bus.DefaultTimeout
	// leaseTime is how long an engine has an instance to itself: for a call,
	// and for recording its result.
	leaseTime = attemptTime + 5*time.Second
)

// Config is what an [Engine] is made of. DB, Store and Definitions are
// required, and Decoder when a step awaits an event.
type Config struct {
	// DB is the context's database, and Store its store, which was made with
	// the [Consumers] of the same definitions.
	DB          *database.DB
	Store       *tx.Store
	Definitions []Definition
	// Decoder decodes events that were kept until a step awaited them.
	Decoder bus.Decoder
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	Hooks  bus.Hooks
}

// An Engine moves the instances of one context's sagas. Several engines, also
// in several processes, share the work.
type Engine struct {
	cfg   Config
	id    string // of this engine in the rows that it moves
	sagas map[string]*Definition
	due   string // the query for instances that are due
	names []any  // its arguments

	mu     sync.Mutex
	busy   map[[2]string]bool // instances that are being moved here
	missed bool               // one that is due found no place, or is busy
	work   sync.WaitGroup
}

// New returns an engine that [Engine.Run] starts.
func New(cfg Config) (*Engine, error) {
	if cfg.DB == nil || cfg.Store == nil || len(cfg.Definitions) == 0 {
		return nil, errors.New("saga: an engine needs a database, a store and definitions")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	e := &Engine{
		cfg: cfg, id: event.NewID(), sagas: map[string]*Definition{}, busy: map[[2]string]bool{},
	}
	for i := range cfg.Definitions {
		if err := e.add(&cfg.Definitions[i]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.sagas)) {
		e.names = append(e.names, name)
	}
	e.due = dueQuery(len(e.names))
	return e, nil
}

func (e *Engine) add(d *Definition) error {
	if err := d.Check(); err != nil {
		return err
	}
	if e.sagas[d.Name] != nil {
		return fmt.Errorf("saga: context %s has two sagas %s", d.Context, d.Name)
	}
	e.sagas[d.Name] = d
	for i := range d.Steps {
		if d.Steps[i].Await != nil && e.cfg.Decoder == nil {
			return fmt.Errorf("saga %s: step %s awaits an event, for which the engine needs a decoder", d.Name, d.Steps[i].Name)
		}
	}
	return nil
}

// dueQuery finds the instances of n sagas that are due first.
func dueQuery(n int) string {
	places := make([]string, n)
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	return fmt.Sprintf(`SELECT saga, id, due_at FROM pl_saga WHERE due_at IS NOT NULL AND saga IN (%s) ORDER BY due_at LIMIT %d`,
		strings.Join(places, ", "), 2*maxAtOnce)
}

// Run moves instances until ctx ends, and returns ctx's error. It then waits
// for the attempts in flight, which ctx ends too; an attempt that was cut short
// is made again at once by the next engine.
func (e *Engine) Run(ctx context.Context) error {
	woken, stop := e.cfg.DB.Listen()
	defer stop()
	defer e.work.Wait()
	e.work.Go(func() { e.upkeep(ctx) })
	for ctx.Err() == nil {
		next, err := e.round(ctx)
		if err != nil && ctx.Err() == nil {
			e.cfg.Logger.WarnContext(ctx, "instances of sagas that are due could not be read; trying again", "retry_in", poll, "error", err)
		}
		database.Await(ctx, woken, next)
	}
	return context.Cause(ctx)
}

// round begins the work on instances that are due and returns when to look
// again.
func (e *Engine) round(ctx context.Context) (time.Duration, error) {
	now := database.Now()
	next := poll
	if e.cfg.DB.Traits().SingleWriter {
		next = lonelyPoll
	}
	type ref struct{ saga, id string }
	var due []ref
	err := database.Each(ctx, e.cfg.DB.Reading(), e.due, e.names, func(rows *sql.Rows) error {
		var r ref
		var at time.Time
		if err := rows.Scan(&r.saga, &r.id, &at); err != nil {
			return err
		}
		if wait := at.Sub(now); wait > 0 {
			next = min(next, wait)
		} else {
			due = append(due, r)
		}
		return nil
	})
	if err != nil {
		return poll, err
	}
	for _, r := range due {
		e.start(ctx, r.saga, r.id)
		next = min(next, poll) // when its first change fails
	}
	return next, nil
}

// start works on an instance unless that is being done, or enough is.
func (e *Engine) start(ctx context.Context, saga, id string) {
	ref := [2]string{saga, id}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy[ref] || len(e.busy) >= maxAtOnce {
		e.missed = true
		return
	}
	e.busy[ref] = true
	e.work.Go(func() {
		var due time.Time
		defer func() { e.finish(ref, due) }()
		due = e.advance(ctx, saga, id)
	})
}

// finish ends the work on an instance. It rings for those that were missed, and
// when the instance is due again before anybody looks.
func (e *Engine) finish(ref [2]string, due time.Time) {
	e.mu.Lock()
	ring := e.missed || !due.IsZero() && time.Until(due) < lonelyPoll
	e.missed = false
	delete(e.busy, ref)
	e.mu.Unlock()
	if ring {
		e.cfg.DB.Ring()
	}
}

// advance moves an instance until it has to wait, is at its end, or is lost. It
// returns when the instance is due again, or zero.
func (e *Engine) advance(ctx context.Context, saga, id string) time.Time {
	in, err := read(ctx, e.cfg.DB.Reading(), saga, id)
	if err != nil || in == nil || in.due.IsZero() || in.due.After(database.Now()) {
		e.report(ctx, saga, id, err)
		return time.Time{}
	}
	w := &worker{Engine: e, d: e.sagas[saga], in: in}
	err = w.run(ctx)
	if ctx.Err() != nil {
		w.letGo(ctx)
	}
	if err != nil && !errors.Is(err, errLost) {
		e.report(ctx, saga, id, err)
		return time.Time{} // nobody hurries while the database is in trouble
	}
	return w.in.due
}

// report logs why an instance is left until its lease is over.
func (e *Engine) report(ctx context.Context, saga, id string, err error) {
	if err != nil && ctx.Err() == nil {
		e.cfg.Logger.WarnContext(ctx, "an instance could not be moved; an engine takes it up again when its lease is over",
			"saga", saga, "instance", id, "error", err)
	}
}
