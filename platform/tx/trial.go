package tx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/outbox"
)

// A Trial is what the run of a handler would have done.
type Trial struct {
	// Applied says that the inbox knows the event: the handler would not run,
	// and has run for the trial alone.
	Applied bool
	// Err is why the delivery would fail, and Outcome what would become of it
	// then. Err is nil for one that would be applied.
	Err     error
	Outcome bus.Outcome
	// Changes are the rows that would have changed, Published the events that
	// would have been published.
	Changes   []database.TableChange
	Published []outbox.Event
}

// ErrNoTrial means that the consumer's effect is outside of the database,
// where nothing can be rolled back.
var ErrNoTrial = errors.New("the handler has effects outside of the database, which a trial would have too")

// Try runs the handler of a delivery in a transaction that it rolls back. d has
// been decoded. A claim is not needed, and none is disturbed. The error says
// why nothing was tried.
func (s *Store) Try(ctx context.Context, d *bus.Delivery) (*Trial, error) {
	consumer := s.consumers[d.Consumer]
	switch {
	case consumer == nil:
		return nil, fmt.Errorf("try a delivery of %s: context %s has no such consumer", d.Consumer, s.service.Context)
	case consumer.Handle == nil:
		return nil, fmt.Errorf("try a delivery of %s: %w", d.Consumer, ErrNoTrial)
	case d.Err != nil:
		return &Trial{Err: d.Err, Outcome: bus.Dead}, nil
	}
	known, err := Applied(ctx, s.db, d.Consumer, d.Event.Source, identity(&d.Event), timeOf(d))
	if err != nil {
		return nil, err
	}
	u, err := s.db.Begin(ctx, database.Background)
	if err != nil {
		return nil, err
	}
	defer u.Rollback()
	changed, err := s.db.Watch(ctx, u)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	trial := s.try(ctx, consumer, u, d)
	if trial.Applied = known; trial.Err == nil && changed != nil {
		trial.Changes, err = changed(ctx)
		return trial, err
	}
	return trial, nil
}

func identity(e *event.Envelope) string {
	if id := e.Extension(event.ExtSameAs); id != "" {
		return id
	}
	return e.ID
}

func timeOf(d *bus.Delivery) time.Time {
	if d.Event.Time.IsZero() {
		return d.Record.Time
	}
	return d.Event.Time
}

// try runs the handler. One that does not return is given up, and can do
// nothing more: its transaction is over.
func (s *Store) try(ctx context.Context, consumer *Consumer, u *database.Unit, d *bus.Delivery) *Trial {
	handling, cancel := context.WithTimeoutCause(withTx(bus.WithDelivery(ctx, d)), consumer.Deadline(), errHandlerTime)
	defer cancel()
	t := &Tx{
		ctx: handling, u: u, store: s, now: database.Now(), name: d.Consumer,
		cause: cause{correlation: d.Event.Extension(event.ExtCorrelationID), causation: d.Event.ID},
	}
	result := make(chan error, 1)
	go func() {
		err := errExit
		defer func() { result <- err }()
		err = bus.Contain(func() error {
			m, err := d.Take(handling)
			if err != nil {
				return err
			}
			return consumer.Handle(handling, t, m)
		})
	}()
	var err error
	select {
	case err = <-result:
	case <-handling.Done():
		u.Rollback()
		err = context.Cause(handling)
	}
	out, failed := t.end()
	if err == nil {
		err = failed
	}
	if err == nil {
		return &Trial{Published: out}
	}
	outcome, _ := bus.OutcomeOf(err)
	return &Trial{Err: err, Outcome: outcome}
}
