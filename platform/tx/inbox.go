package tx

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// An event's day in the inbox is that of its time when it is within these
// bounds of the present, and otherwise today: neither a clock that is wrong
// nor an event without a time makes a partition of its own.
const (
	inboxPast   = 60 * 24 * time.Hour
	inboxFuture = 36 * time.Hour
)

// A fact is what an event is recognised by when it is published again.
type fact struct {
	day  database.Day
	hash [16]byte
}

// factOf returns the fact that a delivery reports.
func factOf(d *bus.Delivery, present time.Time) fact {
	sum := sha256.Sum256(factText(d))
	return fact{day: inboxDay(d, present), hash: [16]byte(sum[:16])}
}

// factText is what is the same in all events that report one fact.
func factText(d *bus.Delivery) []byte {
	e := &d.Event
	id := e.Extension(event.ExtSameAs)
	if id == "" {
		id = e.ID
	}
	text := make([]byte, 0, len(e.Source)+1+len(id))
	return append(append(append(text, e.Source...), 0), id...)
}

func inboxDay(d *bus.Delivery, present time.Time) database.Day {
	at := d.Event.Time
	if at.IsZero() {
		at = d.Record.Time
	}
	if at.Before(present.Add(-inboxPast)) || at.After(present.Add(inboxFuture)) {
		at = present
	}
	return database.DayOf(at)
}

// prepareInbox makes the inbox ready for the deliveries that may run and
// returns the facts of the part. One that is no CloudEvent has none.
func (r *run) prepareInbox(ctx context.Context) ([]fact, error) {
	facts := make([]fact, len(r.part))
	var last database.Day
	for i, it := range r.part {
		if !r.lanes[i].active() || it.Event.ID == "" {
			continue
		}
		facts[i] = factOf(it.Delivery, r.now)
		if facts[i].day == last {
			continue
		}
		last = facts[i].day
		if err := r.s.db.Prepare(ctx, database.Inbox, last); err != nil {
			return nil, err
		}
	}
	return facts, nil
}

// admit records the facts and reports which of them are new: the handler runs
// for those, and for the first of several that are the same.
func (s *Store) admit(ctx context.Context, c database.Conn, consumer string, facts []fact) ([]bool, error) {
	admitted := make([]bool, len(facts))
	fresh, err := s.insertInbox(ctx, c, consumer, facts)
	if err != nil {
		return nil, fmt.Errorf("write the inbox: %w", err)
	}
	for i, f := range facts {
		admitted[i] = fresh[f] || !settlesDuplicates
		delete(fresh, f)
	}
	return admitted, nil
}

// insertInbox is one statement for all of the facts.
func (s *Store) insertInbox(ctx context.Context, c database.Conn, consumer string, facts []fact) (map[fact]bool, error) {
	days := make([]int64, len(facts))
	hashes := make([][]byte, len(facts))
	for i := range facts {
		days[i], hashes[i] = int64(facts[i].day), facts[i].hash[:]
	}
	rows, args := s.db.Rows(2, days, hashes)
	fresh := make(map[fact]bool, len(facts))
	err := database.Each(ctx, c, `INSERT INTO pl_inbox (consumer, day, hash) SELECT $1, r.* FROM (`+rows+`) AS r
		WHERE true ON CONFLICT (day, consumer, hash) DO NOTHING RETURNING day, hash`,
		append([]any{consumer}, args...), func(rows *sql.Rows) error {
			var f fact
			var hash sql.RawBytes
			if err := rows.Scan(&f.day, &hash); err != nil {
				return err
			}
			copy(f.hash[:], hash)
			fresh[f] = true
			return nil
		})
	return fresh, err
}

// retract takes the facts of deliveries out of the inbox that were admitted and
// are not settled after all: they have failed, or wait behind one that has.
//
// Each has a statement of its own, which no planner can take for one that had
// better read the day.
func (r *run) retract(ctx context.Context) error {
	for i, noted := range r.noted {
		if !noted || i < r.ended && r.lanes[i] != holds && r.lanes[i] != queues {
			continue
		}
		err := r.u.Queue(ctx, i, `DELETE FROM pl_inbox WHERE day = $1 AND consumer = $2 AND hash = $3`,
			int64(r.facts[i].day), r.consumer.Consumer, r.facts[i].hash[:])
		if err != nil {
			return fmt.Errorf("take facts out of the inbox: %w", err)
		}
	}
	return nil
}

// byDay returns the hashes of each day, which has a partition of its own.
func byDay(facts []fact) map[database.Day][][]byte {
	days := make(map[database.Day][][]byte, 1)
	for i := range facts {
		days[facts[i].day] = append(days[facts[i].day], facts[i].hash[:])
	}
	return days
}
