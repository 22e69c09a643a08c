package tx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// dueRows and dueBytes bound what is taken out of the hold at once.
const (
	dueRows  = 100
	dueBytes = 1 << 20
)

// Plan implements [bus.Store]. It reads the database only when there may be
// something due: at the time of the next row, every second to see what people
// have changed, and every minute to see whether the claim is still good.
func (s *Store) Plan(ctx context.Context, c *bus.Claim) (bus.Plan, error) {
	l, err := s.ledger(c)
	if err != nil {
		return bus.Plan{}, fmt.Errorf("plan %s: %w", c.Position, err)
	}
	now := database.Now()
	l.tick(now)
	if err := l.owned(ctx, now); err != nil {
		return bus.Plan{}, fmt.Errorf("plan %s: %w", c.Position, err)
	}
	l.due = nil
	if l.rows == 0 {
		l.outage.probeFresh(now)
		next := l.checked.Add(claimCheck)
		if l.outage.stops() && l.outage.next.Before(next) {
			next = l.outage.next
		}
		return bus.Plan{Next: next, Paused: l.paused()}, nil
	}
	var due []*bus.Delivery
	if !now.Before(l.look) {
		if due, err = s.look(ctx, c, l, now); err != nil {
			return bus.Plan{}, err
		}
	}
	return bus.Plan{Due: due, Next: l.look, Paused: l.paused()}, nil
}

// look reads what is due now, and sets when to look again.
func (s *Store) look(ctx context.Context, c *bus.Claim, l *ledger, now time.Time) ([]*bus.Delivery, error) {
	at, found, err := l.Earliest(ctx, now)
	if err != nil {
		return nil, err
	}
	if !found || at.After(now.Add(lastProbe)) {
		l.outage.probeFresh(now)
	}
	if l.outage.on && at.Before(l.outage.next) {
		at = l.outage.next
	}
	if l.look = now.Add(holdPoll); found && at.Before(l.look) {
		l.look = at
	}
	if l.outage.stops() && l.outage.next.Before(l.look) {
		l.look = later(l.outage.next, now)
	}
	if !found || at.After(now) {
		return nil, nil
	}
	limit := hold.Limit{Rows: dueRows, Bytes: dueBytes}
	if l.outage.on {
		limit.Rows = 1
	}
	rows, early, err := l.Due(ctx, now, limit)
	if err == nil && len(early) > 0 {
		err = s.queue(ctx, c, l, early)
	}
	if err != nil {
		return nil, err
	}
	return l.deliveries(rows), nil
}

// deliveries makes rows ready to be delivered again, and remembers them.
func (l *ledger) deliveries(rows []*hold.Row) []*bus.Delivery {
	due := make([]*bus.Delivery, len(rows))
	l.due = make(map[int64]*hold.Row, len(rows))
	for i, row := range rows {
		due[i] = &bus.Delivery{Consumer: l.Consumer, Record: row.Record(), Attempt: row.Attempts + 1}
		l.due[row.Offset] = row
	}
	return due
}

// queue makes rows wait that a person has redriven before their turn.
func (s *Store) queue(ctx context.Context, c *bus.Claim, l *ledger, early []*hold.Row) error {
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		if err := fence(ctx, u, c, c.Next); err != nil {
			return err
		}
		if err := l.Queue(ctx, u, early); err != nil {
			return err
		}
		return l.Wake(ctx, u, database.Now()) // whoever is in front
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", c.Position, err)
	}
	return nil
}

// Redeliver implements [bus.Store]. When a person has changed one of the rows
// meanwhile, nothing of its transaction is kept, and the next plan sees the
// change.
func (s *Store) Redeliver(ctx context.Context, c *bus.Claim, due []*bus.Delivery) error {
	a, err := s.applier(ctx, c)
	if err != nil {
		return err
	}
	a.stopped = make(map[string]bool)
	for _, d := range due {
		row := a.ledger.due[d.Record.Offset]
		if row == nil {
			return fmt.Errorf("redeliver %s: offset %d is not of the last plan", c.Position, d.Record.Offset)
		}
		a.items = append(a.items, &item{Delivery: d, row: row})
	}
	a.ledger.changed()
	if _, err = a.run(ctx); errors.Is(err, hold.ErrChanged) {
		return nil
	}
	return err
}
