package outbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// insertRows bounds one INSERT: SQLite takes 32,766 parameters, and a row has
// ten.
const insertRows = 500

// An Event is on its way into the outbox.
type Event struct {
	// Envelope holds the attributes of the CloudEvent, with its extensions in
	// the order of their names. Insert adds the recorded time.
	Envelope event.Envelope
	Topic    string
	// Fingerprint is that of the schema that Data is encoded with.
	Fingerprint uint64
	// Key is nil for an event without order.
	Key []byte
	// Data is Avro, without the registry's framing.
	Data []byte
	// Headers, when it is not nil, makes this a record that is published as it
	// is, such as the copy of a dead letter: with these headers, and with Data
	// as its value. Of Envelope only ID and Time are used, and Fingerprint is
	// 0.
	Headers []event.Header
}

// Prepare makes the outbox ready for rows of the day of at, and ahead of time
// for those of the next. It must not be called inside a transaction.
func Prepare(ctx context.Context, db *database.DB, at time.Time) (database.Day, error) {
	today := database.DayOf(at)
	if err := db.Prepare(ctx, database.Outbox, today); err != nil {
		return 0, err
	}
	return today, db.Prepare(ctx, database.Outbox, today.Next())
}

// Insert writes events to the outbox of db in the transaction u, and may
// leave that to [database.Unit.Flush]. It is the last statement before the
// commit: the sequence is then in the order in which transactions that share a
// row are serialised.
func Insert(ctx context.Context, db *database.DB, u *database.Unit, day database.Day, events []Event) error {
	recorded := string(event.AppendTime(nil, database.Now()))
	for len(events) > 0 {
		n := min(len(events), insertRows)
		rows := columnsOf(db, day, recorded, events[:n])
		if err := rows.insert(ctx, db, u); err != nil {
			return fmt.Errorf("write the outbox: %w", err)
		}
		events = events[n:]
	}
	return nil
}

// columns are the rows of one INSERT, column by column.
type columns struct {
	day, shard, fingerprint []int64
	id, topic, attributes   []string
	key, data, headers      [][]byte
}

func columnsOf(db *database.DB, day database.Day, recorded string, events []Event) *columns {
	var r columns
	for i := range events {
		e := &events[i]
		if e.Headers == nil {
			e.Envelope.SetExtension(event.ExtRecordedTime, recorded, event.Timestamp)
		}
		attributes := appendAttributes(make([]byte, 0, 512), &e.Envelope)
		r.day = append(r.day, int64(day))
		r.shard = append(r.shard, shardOf(e.Key, db.Traits().Shards))
		r.fingerprint = append(r.fingerprint, int64(e.Fingerprint))
		r.id = append(r.id, e.Envelope.ID)
		r.topic = append(r.topic, e.Topic)
		r.attributes = append(r.attributes, string(attributes))
		r.key = append(r.key, e.Key)
		r.data = append(r.data, orEmpty(e.Data))
		r.headers = append(r.headers, encodeRaw(e))
	}
	return &r
}

// orEmpty keeps a tombstone's value from being NULL.
func orEmpty(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// What a row of a raw record says of its value.
const (
	rawValue = iota
	rawTombstone
)

// encodeRaw returns the headers of a raw record behind what its value is, and
// nil for an event.
func encodeRaw(e *Event) []byte {
	switch {
	case e.Headers == nil:
		return nil
	case e.Data == nil:
		return event.AppendHeaderList([]byte{rawTombstone}, e.Headers)
	}
	return event.AppendHeaderList([]byte{rawValue}, e.Headers)
}

func (r *columns) insert(ctx context.Context, db *database.DB, u *database.Unit) error {
	rows, args := db.Rows(1, r.day, r.shard, r.id, r.topic, r.key, r.fingerprint, r.attributes, r.data, r.headers)
	return u.Queue(ctx, database.Nobody,
		`INSERT INTO pl_outbox (day, shard, id, topic, key, fingerprint, attributes, data, headers) `+rows, args...)
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
