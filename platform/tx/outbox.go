package tx

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/pulselearn/campus-hub/platform/event"
)

// outboxRows bounds one INSERT: SQLite takes 32,766 parameters, and a row has
// nine.
const outboxRows = 500

// outboxColumns are the rows of one INSERT, column by column.
type outboxColumns struct {
	day, shard, fingerprint []int64
	id, topic, attributes   []string
	key, data               [][]byte
}

// insertOutbox writes what was published. It is the last statement before the
// commit: the sequence is then in the order in which transactions that share a
// row are serialised.
func (s *Store) insertOutbox(ctx context.Context, c Conn, day Day, out []outgoing) error {
	recorded := string(event.AppendTime(nil, now()))
	for len(out) > 0 {
		n := min(len(out), outboxRows)
		rows := s.outboxRows(day, recorded, out[:n])
		if err := rows.insert(ctx, s.db.dialect, c); err != nil {
			return fmt.Errorf("write the outbox: %w", err)
		}
		out = out[n:]
	}
	return nil
}

func (s *Store) outboxRows(day Day, recorded string, out []outgoing) *outboxColumns {
	var r outboxColumns
	for i := range out {
		o := &out[i]
		setExtension(&o.envelope, event.ExtRecordedTime, recorded, event.Timestamp)
		attributes := appendAttributes(make([]byte, 0, 512), &o.envelope)
		r.day = append(r.day, int64(day))
		r.shard = append(r.shard, shardOf(o.key, s.db.traits.Shards))
		r.fingerprint = append(r.fingerprint, int64(o.typ.Fingerprint))
		r.id = append(r.id, o.envelope.ID)
		r.topic = append(r.topic, o.typ.Topic)
		r.attributes = append(r.attributes, string(attributes))
		r.key = append(r.key, o.key)
		r.data = append(r.data, o.data)
	}
	return &r
}

func (r *outboxColumns) insert(ctx context.Context, d Dialect, c Conn) error {
	rows, args := d.Rows(1, r.day, r.shard, r.id, r.topic, r.key, r.fingerprint, r.attributes, r.data)
	_, err := c.ExecContext(ctx,
		`INSERT INTO pl_outbox (day, shard, id, topic, key, fingerprint, attributes, data) `+rows, args...)
	return err
}

// shardOf keeps all events of a key in one shard.
func shardOf(key []byte, shards int) int64 {
	if shards == 1 {
		return 0
	}
	h := fnv.New32a()
	h.Write(key)
	return int64(h.Sum32() % uint32(shards))
}

// prepareOutbox makes the outbox ready for rows of today, and ahead of time
// for those of tomorrow.
func (db *Database) prepareOutbox(ctx context.Context, at time.Time) (Day, error) {
	today := DayOf(at)
	if err := db.prepare(ctx, outboxTable, today); err != nil {
		return 0, err
	}
	return today, db.prepare(ctx, outboxTable, today.Next())
}
