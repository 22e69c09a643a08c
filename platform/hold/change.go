package hold

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// An Author is who changes held deliveries, and why.
type Author struct {
	// Actor and Reason are recorded; neither may be empty.
	Actor, Reason string
	// Job names the job that the change belongs to, or is "".
	Job string
}

// A Seen row is one that a person has looked at.
type Seen struct {
	ID
	// Version is that of the row as it was seen; a row that has changed since
	// is left alone.
	Version int64
}

// A Selection says which held deliveries are meant: Rows, or when there are
// none up to Limit of those that Filter selects, in the order of [List].
type Selection struct {
	Rows   []Seen
	Filter Filter
	// Limit must be set for a filter, and is 10,000 at most.
	Limit int
}

// maxSelection is how many rows change in one transaction.
const maxSelection = 10_000

// An action is a change that people make.
type action struct {
	name string
	from []State
	set  string // with a ? for each of args
	args []any
}

func redrive() *action {
	return &action{"redrive", []State{Dead, Parked}, `state = 'held', next_at = ?, redrives = redrives + 1`, []any{database.Now()}}
}

func park() *action {
	return &action{"park", []State{Held, Dead}, `state = 'parked', next_at = NULL`, nil}
}

func drop() *action {
	return &action{"drop", []State{Held, Dead, Parked}, `state = 'dropped', next_at = ?`, []any{database.Now()}}
}

// Redrive sends dead and parked deliveries through their handlers again, each
// in its key's order: once, with the same event id. It returns how many rows
// it changed. The owner of their positions notices within a second or so.
func Redrive(ctx context.Context, db *database.DB, s Selection, by Author) (int64, error) {
	return redrive().change(ctx, db, s, by)
}

// Park puts held and dead deliveries aside for a person. They go on blocking
// their keys, if they do. It returns how many rows it changed.
func Park(ctx context.Context, db *database.DB, s Selection, by Author) (int64, error) {
	return park().change(ctx, db, s, by)
}

// Drop gives deliveries up for good: their owners remove them and release
// their keys, and the events are not applied when they are published again.
// It returns how many rows it changed.
func Drop(ctx context.Context, db *database.DB, s Selection, by Author) (int64, error) {
	return drop().change(ctx, db, s, by)
}

// Edit replaces the value and the headers of a dead or parked delivery, which
// the caller has validated, and returns its new version. It fails with
// [ErrChanged] when the row is not as it was seen.
func Edit(ctx context.Context, db *database.DB, seen Seen, value []byte, headers []event.Header, by Author) (int64, error) {
	edit := action{"edit", []State{Dead, Parked}, `value = ?, headers = ?`, []any{value, encodeHeaders(headers)}}
	n, err := edit.change(ctx, db, Selection{Rows: []Seen{seen}}, by)
	if err == nil && n == 0 {
		err = fmt.Errorf("edit held delivery %s: %w", seen.ID, ErrChanged)
	}
	return seen.Version + 1, err
}

func (a *action) change(ctx context.Context, db *database.DB, s Selection, by Author) (int64, error) {
	if err := s.check(by); err != nil {
		return 0, fmt.Errorf("%s: %w", a.name, err)
	}
	var changed []Row
	err := db.InTx(ctx, func(u *database.Unit) (err error) {
		if changed, err = a.updates(ctx, db, u, s, by); err != nil || len(changed) == 0 {
			return err
		}
		return audit(ctx, db, u, a.name, changed, by)
	})
	if err != nil {
		return 0, fmt.Errorf("%s held deliveries: %w", a.name, err)
	}
	return int64(len(changed)), nil
}

func (s *Selection) check(by Author) error {
	switch {
	case by.Actor == "" || by.Reason == "":
		return fmt.Errorf("say who changes held deliveries, and why")
	case len(s.Rows) > maxSelection:
		return fmt.Errorf("%d rows are too many for one change; send up to %d", len(s.Rows), maxSelection)
	case len(s.Rows) == 0 && (s.Limit <= 0 || s.Limit > maxSelection):
		return fmt.Errorf("a filter needs a limit from 1 to %d", maxSelection)
	}
	return nil
}

// updates changes the rows of each position by themselves.
func (a *action) updates(ctx context.Context, db *database.DB, u *database.Unit, s Selection, by Author) ([]Row, error) {
	if len(s.Rows) == 0 {
		return a.update(ctx, db, u, s, by)
	}
	positions := make(map[bus.Position][]Seen)
	for _, r := range s.Rows {
		positions[r.Position] = append(positions[r.Position], r)
	}
	var changed []Row
	for _, rows := range positions {
		some, err := a.update(ctx, db, u, Selection{Rows: rows}, by)
		if err != nil {
			return nil, err
		}
		changed = append(changed, some...)
	}
	return changed, nil
}

// update changes rows of one position, or those that the filter selects, and
// returns what identifies them.
func (a *action) update(ctx context.Context, db *database.DB, u *database.Unit, s Selection, by Author) ([]Row, error) {
	var q query
	q.add(`UPDATE pl_hold SET `+a.set, a.args...)
	q.add(`, job = coalesce(?, job), version = version + 1 WHERE true`, sql.NullString{String: by.Job, Valid: by.Job != ""})
	q.states("state", a.from)
	if len(s.Rows) > 0 {
		s.rows(db, &q)
	} else {
		s.filtered(a, &q)
	}
	q.add(` RETURNING consumer, topic, partition, record_offset, event_id`)
	var changed []Row
	err := database.Each(ctx, u, q.text.String(), q.args, func(rows *sql.Rows) error {
		var r Row
		err := rows.Scan(&r.Consumer, &r.Topic, &r.Partition, &r.Offset, &r.EventID)
		changed = append(changed, r)
		return err
	})
	return changed, err
}

// rows selects rows of one position. The offsets alone are what an index is
// searched with.
func (s *Selection) rows(db *database.DB, q *query) {
	offsets, versions := make([]int64, len(s.Rows)), make([]int64, len(s.Rows))
	for i, r := range s.Rows {
		offsets[i], versions[i] = r.Offset, r.Version
	}
	at := s.Rows[0].Position
	q.and("consumer = ?", at.Consumer)
	q.and("topic = ?", at.Topic)
	q.and("partition = ?", at.Partition)
	among, args := db.Among(len(q.args)+1, offsets)
	q.text.WriteString(` AND record_offset ` + among)
	q.args = append(q.args, args...)
	pairs, args := db.Rows(len(q.args)+1, offsets, versions)
	q.text.WriteString(` AND (record_offset, version) IN (` + pairs + `)`)
	q.args = append(q.args, args...)
}

func (s *Selection) filtered(a *action, q *query) {
	q.text.WriteString(` AND (consumer, topic, partition, record_offset) IN (SELECT consumer, topic, partition, record_offset FROM pl_hold WHERE true`)
	s.Filter.where(q)
	q.states("state", a.from)
	fmt.Fprintf(&q.text, ` ORDER BY consumer, topic, partition, record_offset LIMIT %d)`, s.Limit)
}
