package hold

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// An Entry of the audit is one change of one held delivery.
type Entry struct {
	ID
	EventID string
	// Action is redrive, park, drop or edit, or dropped when the owner has
	// carried a drop out.
	Action string
	By     Author
	At     time.Time
}

// owner is the actor of what owners of positions do.
const owner = "owner of the position"

// audit records what was done to rows.
func audit(ctx context.Context, db *database.DB, c database.Conn, action string, rows []Row, by Author) error {
	now := database.Now()
	for len(rows) > 0 {
		n := min(len(rows), insertRows)
		list, args := auditColumns(db, now, rows[:n])
		_, err := c.ExecContext(ctx, `INSERT INTO pl_hold_audit
			(actor, action, reason, job, at, consumer, topic, partition, record_offset, event_id) SELECT $1, $2, $3, $4, r.* FROM (`+list+`) AS r`,
			append([]any{by.Actor, action, by.Reason, by.Job}, args...)...)
		if err != nil {
			return fmt.Errorf("record what was done to held deliveries: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

func auditColumns(db *database.DB, now time.Time, rows []Row) (query string, args []any) {
	n := len(rows)
	at, consumers, topics, events := make([]time.Time, n), make([]string, n), make([]string, n), make([]string, n)
	partitions, offsets := make([]int64, n), make([]int64, n)
	for i := range rows {
		r := &rows[i]
		at[i], consumers[i], topics[i], partitions[i], offsets[i], events[i] = now, r.Consumer, r.Topic, int64(r.Partition), r.Offset, r.EventID
	}
	return db.Rows(5, at, consumers, topics, partitions, offsets, events)
}

// Audit returns up to limit of the newest changes, the newest first. Of f,
// Consumer, Topic, EventID and Job select, and Since and Until the time of the
// change.
func Audit(ctx context.Context, db *database.DB, f Filter, limit int) ([]Entry, error) {
	var q query
	(&Filter{Consumer: f.Consumer, Topic: f.Topic, EventID: f.EventID, Job: f.Job}).where(&q)
	if !f.Since.IsZero() {
		q.and("at >= ?", f.Since.UTC())
	}
	if !f.Until.IsZero() {
		q.and("at < ?", f.Until.UTC())
	}
	text := fmt.Sprintf(`SELECT consumer, topic, partition, record_offset, event_id, action, actor, reason, job, at FROM pl_hold_audit
		WHERE true%s ORDER BY seq DESC LIMIT %d`, q.text.String(), limit)
	var found []Entry
	err := database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		var e Entry
		err := rows.Scan(&e.Consumer, &e.Topic, &e.Partition, &e.Offset, &e.EventID, &e.Action, &e.By.Actor, &e.By.Reason, &e.By.Job, &e.At)
		e.At = utc(e.At)
		found = append(found, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit of held deliveries: %w", err)
	}
	return found, nil
}
