package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// SchemaIDs resolves schemas to the ids of one Schema Registry.
type SchemaIDs interface {
	// SchemaID returns the registry's id of the schema with this text under
	// the subject. It is safe for concurrent use and may wait for the registry
	// as long as ctx allows.
	SchemaID(ctx context.Context, fingerprint uint64, subject, text string) (int, error)
}

const (
	// relayRows and relayBytes bound what is published at once.
	relayRows  = 1000
	relayBytes = 4 << 20
	// relayPublish bounds one publish; then the shard stops and reads again.
	relayPublish = 30 * time.Second
	// relayWait bounds the pause after a failure.
	relayWait = 5 * time.Second
	// relayPace is the least time from one look at the outbox to the next when
	// there are few events: those that come meanwhile go together.
	relayPace = 2 * time.Millisecond
)

// errLeaseLost means that another relay has the shard.
var errLeaseLost = errors.New("another relay has taken over the shard")

// A Relay publishes the events of one database's outbox. It reads the rows
// that are not published, in the order of their sequence, and marks them after
// the broker has made them durable; after a crash in between, some events are
// published twice, and the inbox of their consumers settles that.
//
// The outbox is divided into shards by key. Of all relays of a database one
// works on a shard at a time. On a failure the shard stops, so that the order
// of each key is kept, and reads its rows again. It then publishes half as many
// at once: what is in front of an event that no broker takes gets through, and
// what is behind it is not written again with every attempt.
type Relay struct {
	db     *database.DB
	broker driver.Conn
	ids    SchemaIDs
	holder string
	settings

	mu      sync.Mutex
	schemas map[schemaKey]int
}

// NewRelay returns a relay that [Relay.Run] starts.
func NewRelay(db *database.DB, out driver.Conn, ids SchemaIDs, opts ...Option) *Relay {
	return &Relay{
		db: db, broker: out, ids: ids, holder: event.NewID(),
		settings: newSettings(opts), schemas: make(map[schemaKey]int),
	}
}

// Wake makes the relay look at the outbox now. Stores on the same [Database]
// do so at every commit.
func (r *Relay) Wake() { r.db.Ring() }

// Run publishes until ctx ends, and returns ctx's error. Failures of the
// broker, the registry and the database are logged and tried again for ever.
func (r *Relay) Run(ctx context.Context) error {
	var shards sync.WaitGroup
	for n := range r.db.Traits().Shards {
		shards.Go(func() {
			s := &shard{Relay: r, n: n}
			s.run(ctx)
		})
	}
	shards.Wait()
	return context.Cause(ctx)
}

// A shard is one relay's work on one shard.
type shard struct {
	*Relay
	n int

	leasing sync.Mutex
	lease   lease

	out      *outgoing // of the last publish; nil when somebody may still read it
	marks    marks
	last     int64     // the sequence that was published last
	looked   time.Time // at the outbox
	failures int
	limit    int // rows to publish at once after a failure; 0: as many as there are
}

func (s *shard) run(ctx context.Context) {
	woken, stop := s.db.Listen()
	defer stop()
	defer s.giveBack()
	defer s.settle(ctx)
	for ctx.Err() == nil {
		more, err := s.round(ctx)
		if err == nil && !more {
			err = s.idle(ctx, woken)
		}
		if err != nil && ctx.Err() == nil {
			s.stop(ctx, err)
		}
	}
}

// idle waits until there may be something to publish.
func (s *shard) idle(ctx context.Context, woken <-chan struct{}) error {
	poll := time.NewTimer(s.db.Traits().Poll)
	defer poll.Stop()
	for {
		select {
		case <-woken:
			database.Await(ctx, nil, time.Until(s.looked.Add(relayPace)))
			return nil
		case err := <-s.marks.done:
			if err := s.marked(ctx, err); err != nil {
				return err
			}
		case <-poll.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// stop waits after a failure. A lost lease is none.
func (s *shard) stop(ctx context.Context, err error) {
	s.last = 0
	wait := leaseTime / 5
	if !errors.Is(err, errLeaseLost) {
		s.failures++
		wait = rand.N(min(50*time.Millisecond<<min(s.failures, 10), relayWait)) + 10*time.Millisecond
		s.log.WarnContext(ctx, "outbox relay stopped; reading its rows again",
			"shard", s.n, "failures", s.failures, "retry_in", wait, "error", err)
		s.relayFailed(s.n, err, time.Now().Add(wait))
	}
	database.Await(ctx, nil, wait)
}

// round publishes one batch and reports whether there may be more. What it has
// published is marked while the next round is under way.
func (s *shard) round(ctx context.Context) (more bool, err error) {
	if err := s.catchUp(ctx); err != nil {
		return false, err
	}
	if err := s.hold(ctx); err != nil {
		return false, err
	}
	s.looked = time.Now()
	rows, more, err := s.unpublished(ctx)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 {
		if s.marks.done == nil {
			s.failures = 0
		}
		return more, nil
	}
	s.hooks.Step(ctx, bus.RelayRead)
	if s.limit > 0 && s.limit < len(rows) {
		rows, more = rows[:s.limit], true
	}
	if err := s.publish(ctx, rows); err != nil {
		s.limit = max(len(rows)/2, 1)
		return false, fmt.Errorf("publish %d events from sequence %d: %w", len(rows), rows[0].seq, err)
	}
	s.hooks.Step(ctx, bus.RelayPublished)
	s.last = rows[len(rows)-1].seq
	if s.limit *= 2; s.limit > relayRows {
		s.limit = 0
	}
	s.marks.waiting = append(s.marks.waiting, rows...)
	s.beginMark(ctx)
	return more, nil
}

func (s *shard) publish(ctx context.Context, rows []outboxRow) error {
	out := s.out
	s.out = nil // unless the broker has all of it
	if out == nil {
		out = new(outgoing)
	}
	out.begin(len(rows))
	for i := range rows {
		if err := s.add(ctx, out, &rows[i]); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, relayPublish)
	defer cancel()
	err := s.whileHeld(ctx, func(ctx context.Context) error { return s.broker.Publish(ctx, out.records) })
	if err == nil && out.size <= maxKept {
		s.out = out
	}
	return err
}

func (s *shard) add(ctx context.Context, out *outgoing, row *outboxRow) error {
	if row.raw != nil {
		return out.addRaw(row)
	}
	id, err := s.schemaID(ctx, row)
	if err != nil {
		return fmt.Errorf("schema of event %s: %w", row.envelope.ID, err)
	}
	out.add(row, id)
	return nil
}
