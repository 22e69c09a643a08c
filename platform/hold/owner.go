package hold

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// insertRows bounds one INSERT: SQLite takes 32,766 parameters.
const insertRows = 1000

// An Owner works on the held deliveries of one position. Its writes belong
// into transactions that the position's fence guards.
type Owner struct {
	DB *database.DB
	bus.Position
}

// Keys calls f with every key that has rows, how many it has, and how many of
// them block; the rows without a key come together as nil.
func (o Owner) Keys(ctx context.Context, c database.Conn, f func(key []byte, rows, blocking int)) error {
	err := database.Each(ctx, c, `SELECT key, key IS NULL, count(*), count(*) FILTER (WHERE blocks) FROM pl_hold
		WHERE consumer = $1 AND topic = $2 AND partition = $3 GROUP BY key`, o.args(), func(rows *sql.Rows) error {
		var key []byte
		var keyless bool
		var n, blocking int
		if err := rows.Scan(&key, &keyless, &n, &blocking); err != nil {
			return err
		}
		f(orEmpty(key, keyless), n, blocking)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the keys in the hold: %w", err)
	}
	return nil
}

func (o Owner) args(more ...any) []any {
	return append([]any{o.Consumer, o.Topic, o.Partition}, more...)
}

// Wake makes every row due that is held, has no time and waits behind none.
// There is none, unless rows were changed by hand.
func (o Owner) Wake(ctx context.Context, c database.Conn, now time.Time) error {
	_, err := c.ExecContext(ctx, `UPDATE pl_hold SET next_at = $4
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND state = 'held' AND next_at IS NULL
		AND (NOT blocks OR record_offset IN (SELECT min(record_offset) FROM pl_hold
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND blocks GROUP BY key))`, o.args(now)...)
	if err != nil {
		return fmt.Errorf("wake held deliveries: %w", err)
	}
	return nil
}

// Insert puts rows into the hold and returns how many it has not had before: a
// position that is moved back makes it see records again. Their position is
// the owner's, and their version becomes 1.
func (o Owner) Insert(ctx context.Context, c database.Conn, rows []Row) (inserted int, err error) {
	for len(rows) > 0 {
		n := min(len(rows), insertRows)
		list, args := o.columns(rows[:n])
		changed, err := database.Changed(ctx, c, `INSERT INTO pl_hold (consumer, topic, partition, record_offset, key, key_hash, blocks, state, next_at, attempts,
			redrives, cause, signature, value, headers, record_time, event_id, event_source, first_failed_at, last_failed_at, held_at, version)
			SELECT $1, $2, r.* FROM (`+list+`) AS r WHERE true
			ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING`, append([]any{o.Consumer, o.Topic}, args...)...)
		if err != nil {
			return inserted, fmt.Errorf("write the hold: %w", err)
		}
		inserted += int(changed)
		rows = rows[n:]
	}
	return inserted, nil
}

// Shift moves all rows to offsets below zero, in their order, behind those that
// were shifted before: the broker has lost their records and gives the offsets
// to others.
func (o Owner) Shift(ctx context.Context, c database.Conn) error {
	var lowest, highest int64
	found, err := database.Scan(ctx, c, `SELECT min(record_offset), max(record_offset) FROM pl_hold
		WHERE consumer = $1 AND topic = $2 AND partition = $3 HAVING max(record_offset) >= 0`, o.args(), &lowest, &highest)
	if err != nil || !found {
		return err
	}
	room := highest + 1
	for _, move := range []struct {
		rows string
		by   int64
	}{{"record_offset < 0", room - min(lowest, 0)}, {"record_offset >= 0", room}} { // no two rows ever meet
		_, err := c.ExecContext(ctx, `UPDATE pl_hold SET record_offset = record_offset - $4, version = version + 1
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND `+move.rows, o.args(move.by)...)
		if err != nil {
			return fmt.Errorf("keep held deliveries apart from new records: %w", err)
		}
	}
	return nil
}

// columns turns rows into the columns of one INSERT.
func (o Owner) columns(rows []Row) (query string, args []any) {
	var partition, offset, hash, attempts, redrives, version []int64
	var key, value, headers [][]byte
	var blocks []bool
	var state, cause, signature, id, source []string
	var next, first, last []*time.Time
	var recorded, held []time.Time
	for i := range rows {
		r := &rows[i]
		partition, offset, version = append(partition, int64(o.Partition)), append(offset, r.Offset), append(version, 1)
		hash = append(hash, keyHash(r.Key))
		key, value, headers = append(key, r.Key), append(value, r.Value), append(headers, encodeHeaders(r.Headers))
		blocks, state, next = append(blocks, r.Blocks), append(state, string(r.State)), append(next, orNull(r.NextAt))
		attempts, redrives = append(attempts, int64(r.Attempts)), append(redrives, int64(r.Redrives))
		cause, signature = append(cause, r.Cause), append(signature, r.Signature)
		id, source = append(id, text(r.EventID)), append(source, text(r.EventSource))
		first, last = append(first, orNull(r.FirstFailedAt)), append(last, orNull(r.LastFailedAt))
		recorded, held = append(recorded, storable(r.RecordTime)), append(held, r.HeldAt)
	}
	return o.DB.Rows(3, partition, offset, key, hash, blocks, state, next, attempts, redrives, cause, signature, value, headers,
		recorded, id, source, first, last, held, version)
}

// The times that every database can store.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// storable bounds a record's timestamp, which its producer may have made up.
func storable(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t.UTC()
}

// keyHash stands for a key in the index.
func keyHash(key []byte) int64 {
	h := fnv.New64a()
	h.Write(key)
	return int64(h.Sum64())
}

func keyHashes(keys [][]byte) []int64 {
	hashes := make([]int64, len(keys))
	for i, key := range keys {
		hashes[i] = keyHash(key)
	}
	return hashes
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// encodeHeaders never returns nil, which would be NULL.
func encodeHeaders(headers []event.Header) []byte {
	return event.AppendHeaderList([]byte{}, headers)
}

// clockWrong is by how much the clocks of owners may differ.
const clockWrong = time.Minute

// putOff finds rows that were put off by a clock that was wrong, for hours
// perhaps: they failed later than now, or have never failed or been dropped, so
// that they were due at once.
const putOff = `next_at > $5 AND (last_failed_at > $5 OR last_failed_at IS NULL OR state = 'dropped')`

// Earliest returns when the next row is due, if one is. Rows that were put off
// by a clock that was wrong are made due now.
func (o Owner) Earliest(ctx context.Context, now time.Time) (at time.Time, found bool, err error) {
	var failed sql.NullTime
	var state State
	found, err = database.Scan(ctx, o.DB.Reading(), `SELECT next_at, last_failed_at, state FROM pl_hold
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND next_at IS NOT NULL ORDER BY next_at LIMIT 1`, o.args(), &at, &failed, &state)
	wrong := now.Add(clockWrong)
	if err == nil && found && at.After(wrong) && (!failed.Valid || failed.Time.After(wrong) || state == Dropped) {
		at, err = now, o.hasten(ctx, now)
	}
	if err != nil {
		return at, false, fmt.Errorf("look for held deliveries of %s that are due: %w", o.Position, err)
	}
	return at.UTC(), found, nil
}

func (o Owner) hasten(ctx context.Context, now time.Time) error {
	return o.DB.InTx(ctx, func(u *database.Unit) error {
		_, err := u.ExecContext(ctx, `UPDATE pl_hold SET next_at = $4
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND `+putOff, o.args(now, now.Add(clockWrong))...)
		return err
	})
}
