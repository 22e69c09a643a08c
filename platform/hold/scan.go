package hold

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// brief are the columns of a row without its record's content, and columns all
// of them. SQLite's driver gives nil for empty bytes, so NULL is asked for.
const (
	brief = `consumer, topic, partition, record_offset, key, key IS NULL, blocks, state, next_at, attempts, redrives,
		cause, signature, record_time, event_id, event_source, first_failed_at, last_failed_at, held_at, version, job`
	columns = brief + `, value, value IS NULL, headers`
)

// A scanner reads one row after the other.
type scanner struct {
	row               Row
	keyless           bool
	next, first, last sql.NullTime
	job               sql.NullString
}

func (s *scanner) brief() []any {
	r := &s.row
	return []any{
		&r.Consumer, &r.Topic, &r.Partition, &r.Offset, &r.Key, &s.keyless, &r.Blocks, &r.State, &s.next, &r.Attempts, &r.Redrives,
		&r.Cause, &r.Signature, &r.RecordTime, &r.EventID, &r.EventSource, &s.first, &s.last, &r.HeldAt, &r.Version, &s.job,
	}
}

// finish sets what the columns say in a roundabout way.
func (s *scanner) finish() *Row {
	r := &s.row
	r.Key = orEmpty(r.Key, s.keyless)
	r.NextAt, r.FirstFailedAt, r.LastFailedAt = utc(s.next.Time), utc(s.first.Time), utc(s.last.Time)
	r.RecordTime, r.HeldAt = utc(r.RecordTime), utc(r.HeldAt)
	r.Job = s.job.String
	return r
}

func scanBrief(rows *sql.Rows) (*Row, error) {
	var s scanner
	if err := rows.Scan(s.brief()...); err != nil {
		return nil, err
	}
	return s.finish(), nil
}

// scanRow reads a whole row, and what the query selects after it.
func scanRow(rows *sql.Rows, more ...any) (*Row, error) {
	var s scanner
	var headers []byte
	var tombstone bool
	err := rows.Scan(append(append(s.brief(), &s.row.Value, &tombstone, &headers), more...)...)
	if err != nil {
		return nil, err
	}
	s.row.Value = orEmpty(s.row.Value, tombstone)
	if s.row.Headers, err = event.ParseHeaderList(headers); err != nil {
		return nil, fmt.Errorf("held delivery %s: %w", s.row.ID, err)
	}
	return s.finish(), nil
}

func orEmpty(b []byte, null bool) []byte {
	if b == nil && !null {
		return []byte{}
	}
	return b
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// A moment reads a time that an expression gives, for which SQLite's driver
// knows no type.
type moment struct{ time.Time }

// Scan implements [sql.Scanner].
func (m *moment) Scan(value any) (err error) {
	switch v := value.(type) {
	case nil:
		m.Time = time.Time{}
	case time.Time:
		m.Time = utc(v)
	case string:
		if m.Time, err = time.Parse("2006-01-02 15:04:05.999999999-07:00", v); err == nil {
			m.Time = utc(m.Time)
		}
	default:
		err = fmt.Errorf("a time is stored as %T", value)
	}
	return err
}
