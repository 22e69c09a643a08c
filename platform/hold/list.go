package hold

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// A Filter selects held deliveries. Its zero value selects all; every field
// that is set narrows the selection.
type Filter struct {
	Consumer, Topic string
	States          []State
	// Key selects one key; nil means any, and the keyless.
	Key []byte
	// Signature selects one group of causes.
	Signature string
	EventID   string
	// Job selects the rows that a redrive job has taken.
	Job string
	// Since and Until bound when the delivery was first held: from Since on,
	// before Until.
	Since, Until time.Time
}

// A query is the text of a statement with its arguments.
type query struct {
	text strings.Builder
	args []any
}

// add appends text that has a ? for each argument.
func (q *query) add(text string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", len(q.args)), 1)
	}
	q.text.WriteString(text)
}

func (q *query) and(condition string, args ...any) { q.add(" AND "+condition, args...) }

// where appends the conditions of f.
func (f *Filter) where(q *query) {
	f.whereWith(q, func(column string) string { return column })
}

// whereWith appends them with state and signature as expression writes them.
func (f *Filter) whereWith(q *query, expression func(column string) string) {
	equal := func(column, value string) {
		if value != "" {
			q.and(column+" = ?", value)
		}
	}
	equal("consumer", f.Consumer)
	equal("topic", f.Topic)
	equal(expression("signature"), f.Signature)
	equal("event_id", f.EventID)
	equal("job", f.Job)
	if f.Key != nil {
		q.and("key_hash = ? AND key = ?", keyHash(f.Key), f.Key)
	}
	if !f.Since.IsZero() {
		q.and("held_at >= ?", f.Since.UTC())
	}
	if !f.Until.IsZero() {
		q.and("held_at < ?", f.Until.UTC())
	}
	q.states(expression("state"), f.States)
}

func (q *query) states(column string, states []State) {
	if len(states) == 0 {
		return
	}
	names := make([]any, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	q.and(column+" IN (?"+strings.Repeat(", ?", len(states)-1)+")", names...)
}

// A Page is a part of a listing.
type Page struct {
	// After is the last row of the page before; the zero ID begins.
	After ID
	// Limit is how many rows the page has at most; 0 means 50.
	Limit int
	// Whole includes the records' values and headers.
	Whole bool
}

const pageRows = 50

// List returns the held deliveries that f selects, by consumer, topic,
// partition and offset. There may be more when the page is full.
func List(ctx context.Context, db *database.DB, f Filter, p Page) ([]Row, error) {
	var q query
	f.where(&q)
	if p.After != (ID{}) {
		q.and("(consumer, topic, partition, record_offset) > (?, ?, ?, ?)",
			p.After.Consumer, p.After.Topic, p.After.Partition, p.After.Offset)
	}
	if p.Limit == 0 {
		p.Limit = pageRows
	}
	read, scan := brief, scanBrief
	if p.Whole {
		read, scan = columns, func(rows *sql.Rows) (*Row, error) { return scanRow(rows) }
	}
	var found []Row
	text := fmt.Sprintf(`SELECT %s FROM pl_hold WHERE true%s ORDER BY consumer, topic, partition, record_offset LIMIT %d`,
		read, q.text.String(), p.Limit)
	err := database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		row, err := scan(rows)
		if err == nil {
			found = append(found, *row)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list held deliveries: %w", err)
	}
	return found, nil
}

// Behind returns up to limit of the held deliveries of one position behind an
// offset that f selects, by offset and without their records' content. Of f,
// Consumer and Topic are those of the position. Going through a position like
// this reads every row once.
func Behind(ctx context.Context, db *database.DB, p bus.Position, offset int64, f Filter, limit int) ([]Row, error) {
	var q query
	q.and("consumer = ?", p.Consumer)
	q.and("topic = ?", p.Topic)
	q.and("partition = ?", p.Partition)
	q.and("record_offset > ?", offset)
	f.Consumer, f.Topic = "", ""
	f.whereWith(&q, func(column string) string { return "(" + column + " || '')" }) // an index on them would not give the order
	text := fmt.Sprintf(`SELECT %s FROM pl_hold WHERE true%s ORDER BY record_offset LIMIT %d`, brief, q.text.String(), limit)
	var found []Row
	err := database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		row, err := scanBrief(rows)
		if err == nil {
			found = append(found, *row)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list held deliveries of %s: %w", p, err)
	}
	return found, nil
}

// Get returns one held delivery with its record, or nil when there is none.
func Get(ctx context.Context, db *database.DB, id ID) (*Row, error) {
	var found *Row
	err := database.Each(ctx, db.Reading(), `SELECT `+columns+` FROM pl_hold
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND record_offset = $4`,
		[]any{id.Consumer, id.Topic, id.Partition, id.Offset}, func(rows *sql.Rows) (err error) {
			found, err = scanRow(rows)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read held delivery %s: %w", id, err)
	}
	return found, nil
}

// Count returns how many held deliveries f selects.
func Count(ctx context.Context, db *database.DB, f Filter) (n int64, err error) {
	var q query
	f.where(&q)
	_, err = database.Scan(ctx, db.Reading(), `SELECT count(*) FROM pl_hold WHERE true`+q.text.String(), q.args, &n)
	if err != nil {
		return 0, fmt.Errorf("count held deliveries: %w", err)
	}
	return n, nil
}

// A Group is the held deliveries of a consumer that are in one state for one
// cause.
type Group struct {
	Consumer, Topic string
	State           State
	// Signature is the cause without what differs from event to event; "" are
	// those that wait behind another one of their key and have not run.
	Signature string
	Count     int64
	// Oldest and Newest are when the first and the last of them were held.
	Oldest, Newest time.Time
	// Example is the first of them.
	Example ID
}

// Groups returns the held deliveries that f selects by consumer, topic, state
// and cause, the largest group first.
func Groups(ctx context.Context, db *database.DB, f Filter) ([]Group, error) {
	var q query
	f.where(&q)
	const same = `PARTITION BY consumer, topic, state, signature`
	text := `SELECT consumer, topic, state, signature, partition, record_offset, number, oldest, newest FROM (
		SELECT consumer, topic, state, signature, partition, record_offset,
			count(*) OVER (` + same + `) AS number, min(held_at) OVER (` + same + `) AS oldest, max(held_at) OVER (` + same + `) AS newest,
			row_number() OVER (` + same + ` ORDER BY partition, record_offset) AS place
		FROM pl_hold WHERE true` + q.text.String() + `) AS g WHERE place = 1 ORDER BY number DESC, consumer, topic, state, signature`
	var found []Group
	err := database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		var g Group
		var oldest, newest moment
		err := rows.Scan(&g.Consumer, &g.Topic, &g.State, &g.Signature, &g.Example.Partition, &g.Example.Offset, &g.Count, &oldest, &newest)
		g.Example.Consumer, g.Example.Topic = g.Consumer, g.Topic
		g.Oldest, g.Newest = oldest.Time, newest.Time
		found = append(found, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("group held deliveries: %w", err)
	}
	return found, nil
}

// A BlockedKey is a key whose later records wait.
type BlockedKey struct {
	bus.Position
	Key []byte
	// Rows counts what is held of the key, the head included.
	Rows int64
	// Head is the offset of the delivery that all others wait for, and State,
	// Cause and Since are its own.
	Head  int64
	State State
	Cause string
	Since time.Time
}

// Blocked returns up to limit keys that are blocked, those that have been for
// longest first. Of f, States and Signature select by the head.
func Blocked(ctx context.Context, db *database.DB, f Filter, limit int) ([]BlockedKey, error) {
	var q query
	heads := Filter{States: f.States, Signature: f.Signature, Consumer: f.Consumer, Topic: f.Topic, Key: f.Key, Since: f.Since, Until: f.Until}
	heads.where(&q)
	text := fmt.Sprintf(`SELECT consumer, topic, partition, key, number, record_offset, state, cause, held_at FROM (
		SELECT h.*, count(*) OVER (PARTITION BY consumer, topic, partition, key) AS number,
			row_number() OVER (PARTITION BY consumer, topic, partition, key ORDER BY record_offset) AS place
		FROM pl_hold AS h WHERE blocks) AS b WHERE place = 1%s ORDER BY held_at, consumer, topic, partition, record_offset LIMIT %d`,
		q.text.String(), limit)
	var found []BlockedKey
	err := database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		var b BlockedKey
		err := rows.Scan(&b.Consumer, &b.Topic, &b.Partition, &b.Key, &b.Rows, &b.Head, &b.State, &b.Cause, &b.Since)
		b.Key, b.Since = orEmpty(b.Key, false), utc(b.Since)
		found = append(found, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list blocked keys: %w", err)
	}
	return found, nil
}
