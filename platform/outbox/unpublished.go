package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// An outboxRow is one row of the outbox, on its way to the broker.
type outboxRow struct {
	place
	topic       string
	key         []byte
	fingerprint uint64
	envelope    event.Envelope
	data        []byte
	raw         []byte // nil for an event; see encodeRaw
}

// A place is where a row of the outbox is.
type place struct {
	day database.Day
	seq int64
}

func (p place) at() place { return p }

// unpublished returns the first rows of the shard that the broker does not have,
// and whether there may be more.
//
// It begins at the first row every time. A sequence is not the order of commits:
// a row may become visible after one with a higher sequence was published, and
// the next one of its key must not come before it.
func (s *shard) unpublished(ctx context.Context) (rows []outboxRow, more bool, err error) {
	size, read := 0, 0
	query, args := s.unpublishedQuery()
	err = database.Each(ctx, s.db.Reading(), query, args, func(r *sql.Rows) error {
		read++
		if size >= relayBytes {
			return nil
		}
		row, err := scanOutboxRow(r)
		if err == nil {
			size += len(row.data)
			rows = append(rows, row)
		}
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read shard %d of the outbox: %w", s.n, err)
	}
	return rows, read == relayRows || size >= relayBytes, nil
}

// unpublishedQuery leaves out what the broker has and the outbox does not know
// of.
func (s *shard) unpublishedQuery() (query string, args []any) {
	after, but := int64(0), ""
	if !rereads {
		after = s.last
	}
	args = []any{s.n, after}
	if seqs := s.marks.seqs(); len(seqs) > 0 {
		among, more := s.db.Among(3, seqs)
		but, args = "AND NOT seq "+among, append(args, more...)
	}
	return fmt.Sprintf(`SELECT day, seq, id, topic, key, key IS NULL, fingerprint, attributes, data, headers FROM pl_outbox
		WHERE shard = $1 AND published_at IS NULL AND seq > $2 %s ORDER BY seq LIMIT %d`, but, relayRows), args
}

func scanOutboxRow(r *sql.Rows) (outboxRow, error) {
	var row outboxRow
	var fingerprint int64
	var attributes string
	var unordered bool
	err := r.Scan(&row.day, &row.seq, &row.envelope.ID, &row.topic, &row.key, &unordered, &fingerprint, &attributes, &row.data, &row.raw)
	if err != nil {
		return row, err
	}
	if row.key == nil && !unordered {
		row.key = []byte{} // SQLite's driver does not tell it from NULL
	}
	row.fingerprint = uint64(fingerprint)
	row.envelope.Type = row.topic
	if err := parseAttributes(&row.envelope, attributes); err != nil {
		return row, fmt.Errorf("attributes of sequence %d: %w", row.seq, err)
	}
	return row, nil
}

// mark records that the rows are published, and renews the lease with it: a
// relay that has lost the shard stops here.
func (s *shard) mark(ctx context.Context, rows []outboxRow) error {
	err := s.db.InTx(ctx, func(u *database.Unit) error {
		if err := s.renew(ctx, u); err != nil {
			return err
		}
		for len(rows) > 0 {
			n := stretch(rows)
			if err := s.markStretch(ctx, u, rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
		return nil
	})
	return err
}

// maxGap is how many sequences may lie between two rows of a stretch.
const maxGap = 1000

// stretch returns how many rows at the front are near to each other: on one
// day, which has a partition of its own, and with few others in between.
func stretch[row interface{ at() place }](rows []row) int {
	for n := 1; n < len(rows); n++ {
		if last, next := rows[n-1].at(), rows[n].at(); next.day != last.day || next.seq-last.seq > maxGap {
			return n
		}
	}
	return len(rows)
}

// markStretch marks rows that are near to each other. The first and the last of
// them bound what is read of the index, even by a planner that takes the day
// alone for a good choice, as it does until the day's partition is analyzed.
func (s *shard) markStretch(ctx context.Context, u *database.Unit, rows []outboxRow) error {
	seqs := make([]int64, len(rows))
	for i := range rows {
		seqs[i] = rows[i].seq
	}
	among, args := s.db.Among(5, seqs)
	return u.Queue(ctx, database.Nobody, `UPDATE pl_outbox SET published_at = $1 WHERE day = $2 AND seq BETWEEN $3 AND $4 AND seq `+among,
		append([]any{database.Now(), int64(rows[0].day), seqs[0], seqs[len(seqs)-1]}, args...)...)
}

// A schemaKey is what a registry's id depends on.
type schemaKey struct {
	fingerprint uint64
	topic       string
}

// schemaID returns the registry's id of the row's schema. Its text comes from
// the database: another version of the binary may have written the row.
func (s *shard) schemaID(ctx context.Context, row *outboxRow) (int, error) {
	key := schemaKey{row.fingerprint, row.topic}
	s.mu.Lock()
	id, ok := s.schemas[key]
	s.mu.Unlock()
	if ok {
		return id, nil
	}
	subject := (&event.Type{Topic: row.topic}).RegistrySubject()
	var text string
	found, err := database.Scan(ctx, s.db.Reading(), `SELECT text FROM pl_event_schema WHERE fingerprint = $1 AND subject = $2`,
		[]any{int64(row.fingerprint), subject}, &text)
	if err == nil && !found {
		err = errors.New("no row")
	}
	if err != nil {
		return 0, fmt.Errorf("read schema %016x of subject %s: %w", row.fingerprint, subject, err)
	}
	if id, err = s.ids.SchemaID(ctx, row.fingerprint, subject, text); err != nil {
		return 0, fmt.Errorf("registry id of schema %016x of subject %s: %w", row.fingerprint, subject, err)
	}
	s.mu.Lock()
	s.schemas[key] = id
	s.mu.Unlock()
	return id, nil
}
