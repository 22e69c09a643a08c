package tx

import (
	"context"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/hold"
)

// A settlement is what a transaction changes in the hold.
type settlement struct {
	*run
	insert []hold.Row  // failed or queued
	update []*hold.Row // failed again
	remove []*hold.Row // applied, or given up
	gone   []*hold.Row // of those: given up
	freed  [][]byte    // keys that a row no longer blocks
	stop   [][]byte    // keys that one has failed of and blocks
	again  bool        // some of insert were there before
	after  []func()    // once it is committed
}

// settle writes what becomes of the first n deliveries into the hold.
func (r *run) settle(ctx context.Context, n int) (*settlement, error) {
	s := &settlement{run: r}
	for i, it := range r.part[:n] {
		if it.row == nil {
			s.fresh(i, it)
		} else {
			s.held(i, it)
		}
	}
	return s, s.write(ctx)
}

// fresh decides about a delivery that comes from the broker.
func (s *settlement) fresh(i int, it *item) {
	switch s.lanes[i] {
	case repeats:
		s.later(func() { s.s.duplicate(it.Delivery) })
	case queues:
		s.insert = append(s.insert, s.rowOf(it))
		s.later(func() { s.s.hooks.Queued(it.Delivery) })
	case holds:
		row := s.rowOf(it)
		s.sentence(it, &row)
		s.insert = append(s.insert, row)
	}
}

// held decides about a delivery that comes from the hold.
func (s *settlement) held(i int, it *item) {
	switch s.lanes[i] {
	case runs:
		s.release(it, bus.Applied)
	case repeats:
		s.release(it, bus.Duplicate)
	case drops, discarded:
		s.gone = append(s.gone, it.row)
		s.release(it, bus.Dropped)
	case holds:
		row := *it.row
		s.sentence(it, &row)
		s.update = append(s.update, &row)
		switch {
		case row.Blocks:
			s.stop = append(s.stop, row.Key)
		case it.row.Blocks:
			s.freed = append(s.freed, row.Key)
		}
	}
}

func (s *settlement) later(f func()) { s.after = append(s.after, f) }

// sentence writes the verdict on a delivery into its row.
func (s *settlement) sentence(it *item, row *hold.Row) {
	sentence(row, it.verdict, &s.consumer.Route, s.now)
	if row.State == hold.Dead {
		s.out = append(s.out, s.s.deadLetter(row))
	}
	failure := failureOf(row, it.verdict)
	s.later(func() { s.s.failed(it.Delivery, failure) })
}

func (s *settlement) release(it *item, why bus.Release) {
	s.remove = append(s.remove, it.row)
	if it.row.Blocks {
		s.freed = append(s.freed, it.row.Key)
	}
	s.later(func() { s.s.released(it.Delivery, why) })
}

// rowOf returns the row of a delivery as it is, or as it begins.
func (r *run) rowOf(it *item) hold.Row {
	if it.row != nil {
		return *it.row
	}
	return hold.Row{
		ID: hold.ID{Position: r.claim.Position, Offset: it.Record.Offset}, Key: it.key(), Blocks: it.blocks(), State: hold.Held,
		Value: it.Record.Value, Headers: it.Record.Headers, RecordTime: it.Record.Time,
		EventID: it.Event.ID, EventSource: it.Event.Source, HeldAt: r.now,
	}
}

func (s *settlement) write(ctx context.Context) error {
	inserted, err := s.ledger.Insert(ctx, s.u, s.insert)
	if err != nil {
		return err
	}
	s.again = inserted < len(s.insert)
	for _, row := range s.update {
		if err := s.ledger.Update(ctx, s.u, row); err != nil {
			return err
		}
	}
	if err := s.ledger.Delete(ctx, s.u, s.remove); err != nil {
		return err
	}
	if err := s.ledger.Dropped(ctx, s.u, s.gone); err != nil {
		return err
	}
	return s.ledger.Release(ctx, s.u, s.waiting(), s.now)
}

// waiting returns the freed keys that have more rows.
func (s *settlement) waiting() (keys [][]byte) {
	freed := make(map[string]int, len(s.freed))
	for _, key := range s.freed {
		freed[string(key)]++
	}
	for key, n := range freed {
		if s.ledger.blocking[key] > n {
			keys = append(keys, []byte(key))
		}
	}
	return keys
}

// committed brings the ledger up to date and tells observers.
func (s *settlement) committed() {
	l := s.ledger
	l.rows += len(s.insert) - len(s.remove)
	for i := range s.insert {
		row := &s.insert[i]
		if row.Blocks {
			l.block(row.Key, 1)
		}
		if !row.NextAt.IsZero() {
			l.changed()
		}
	}
	for _, key := range s.freed {
		l.block(key, -1)
	}
	for _, key := range s.stop {
		s.stopped[string(key)] = true
	}
	if s.again {
		l.epoch = 0 // it is wrong: the position has to be claimed again
	}
	if s.probed() {
		l.outage.end()
	}
	for _, f := range s.after {
		f()
	}
}

// probed reports whether a held delivery has succeeded.
func (s *settlement) probed() bool {
	for i, it := range s.part[:s.ended] {
		if it.row != nil && s.lanes[i] == runs {
			return true
		}
	}
	return false
}
