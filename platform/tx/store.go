package tx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// A Handler applies one event in the transaction t. nil commits, an error rolls
// back and means what [bus.OutcomeOf] says. It may run more than once for one
// delivery, so it touches nothing but t.
type Handler func(ctx context.Context, t *Tx, m event.Message) error

// A Consumer is a route and what runs at its end: one of Handle and External.
type Consumer struct {
	bus.Route
	Handle   Handler
	External External
}

// A Service is what one context declares.
type Service struct {
	// Context is the context's name.
	Context string
	// Publishes holds every event type that a handler may publish.
	Publishes []*event.Type
	// Consumers holds one consumer a topic.
	Consumers []Consumer
}

// A Store applies the deliveries and commands of one context in transactions
// on its database. It implements [bus.Store] and is safe for concurrent use.
type Store struct {
	db        *database.DB
	service   Service
	publishes map[string]*event.Type
	consumers map[string]*Consumer
	settings
	pace pace

	start   sync.Mutex
	started bool

	mu      sync.Mutex
	ledgers map[bus.Position]*ledger // of the newest claims
	stuck   atomic.Int64             // handlers that have not returned in time
}

// NewStore returns the store of a context. Its database must have been
// migrated.
func NewStore(db *database.DB, s Service, opts ...Option) *Store {
	store := &Store{
		db: db, service: s, settings: newSettings(opts),
		publishes: make(map[string]*event.Type, len(s.Publishes)),
		consumers: make(map[string]*Consumer, len(s.Consumers)),
		ledgers:   make(map[bus.Position]*ledger),
	}
	for _, t := range s.Publishes {
		store.publishes[t.Topic] = t
	}
	for i := range s.Consumers {
		c := &s.Consumers[i]
		store.consumers[c.Consumer] = c
	}
	return store
}

// Start records the schemas of what the context publishes, for relays of other
// versions of the binary. Every method of the store that writes does so first
// when Start was not called; calling it reports trouble early.
func (s *Store) Start(ctx context.Context) error {
	s.start.Lock()
	defer s.start.Unlock()
	if s.started {
		return nil
	}
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		for _, t := range s.service.Publishes {
			if err := recordSchema(ctx, u, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the schemas of context %s: %w", s.service.Context, err)
	}
	s.started = true
	return nil
}

func recordSchema(ctx context.Context, c database.Conn, t *event.Type) error {
	_, err := c.ExecContext(ctx, `INSERT INTO pl_event_schema (fingerprint, subject, text) VALUES ($1, $2, $3)
		ON CONFLICT (fingerprint, subject) DO NOTHING`, int64(t.Fingerprint), t.RegistrySubject(), t.Schema)
	return err
}

// Claim implements [bus.Store]. It waits for a transaction in flight on the
// position, which its handlers' deadline bounds.
func (s *Store) Claim(ctx context.Context, r *bus.Route, partition int32) (bus.Claim, error) {
	claim := bus.Claim{Position: bus.Position{Consumer: r.Consumer, Topic: r.Type.Topic, Partition: partition}}
	if s.consumers[r.Consumer] == nil {
		return claim, fmt.Errorf("claim %s: context %s has no such consumer", claim.Position, s.service.Context)
	}
	if err := s.Start(ctx); err != nil {
		return claim, err
	}
	begin := driver.Earliest
	if r.Latest {
		begin = driver.Latest
	}
	var l *ledger
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		found, err := database.Scan(ctx, u, `INSERT INTO pl_consumer_partition AS p (consumer, topic, partition, epoch, next_offset)
			VALUES ($1, $2, $3, 1, $4)
			ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = p.epoch + 1
			RETURNING epoch, next_offset`,
			[]any{claim.Consumer, claim.Topic, partition, begin}, &claim.Epoch, &claim.Next)
		if err == nil && !found {
			err = errors.New("the database returned no row")
		}
		if err != nil {
			return err
		}
		l = newLedger(s.db, &claim, r)
		return l.load(ctx, u)
	})
	if err != nil {
		return claim, fmt.Errorf("claim %s: %w", claim.Position, err)
	}
	s.remember(l)
	return claim, nil
}

// Move implements [bus.Store]. When it moves back, because the broker has lost
// records, what is held of those makes room for the records that get their
// offsets.
func (s *Store) Move(ctx context.Context, c *bus.Claim, next int64) error {
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		if err := fence(ctx, u, c, next); err != nil || next > c.Next {
			return err
		}
		return hold.Owner{DB: s.db, Position: c.Position}.Shift(ctx, u)
	})
	if err != nil {
		return fmt.Errorf("move %s to %d: %w", c.Position, next, err)
	}
	c.Next = next
	return nil
}

// fence moves the position when the claim still holds, and keeps others from
// taking it until the transaction ends. It is the first statement of a batch.
func fence(ctx context.Context, conn database.Conn, c *bus.Claim, next int64) error {
	n, err := database.Changed(ctx, conn, fenceStatement, c.Consumer, c.Topic, c.Partition, next, c.Epoch, c.Next)
	if err != nil {
		return fmt.Errorf("move the position: %w", err)
	}
	if n == 0 {
		return bus.ErrClaimLost
	}
	return nil
}

// An Option changes a [Store] or a [Relay].
type Option func(*settings)

type settings struct {
	log   *slog.Logger
	hooks bus.Hooks
	trace func(context.Context) (parent, state string)
}

func newSettings(opts []Option) settings {
	s := settings{
		log:   slog.Default(),
		trace: func(context.Context) (string, string) { return "", "" },
	}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// WithLogger sets the logger; the default is slog.Default.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.log = l } }

// WithHooks adds observers: of deliveries as package bus has them, and those
// of this package.
func WithHooks(h ...any) Option { return func(s *settings) { s.hooks = append(s.hooks, h...) } }

// WithTrace makes events carry the W3C trace context that f finds in the
// handler's context; f returns empty text for none.
func WithTrace(f func(ctx context.Context) (traceparent, tracestate string)) Option {
	return func(s *settings) { s.trace = f }
}
