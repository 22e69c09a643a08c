package hold

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// A Limit bounds what is read at once.
type Limit struct{ Rows, Bytes int }

// takes reports whether a row fits, and counts it.
func (l *Limit) takes(r *Row) bool {
	l.Rows--
	l.Bytes -= len(r.Value)
	return l.Rows >= 0 && l.Bytes >= 0
}

// Due returns the rows that are due at now, those that are due for longest
// first, and behind each of them the rows of its key that wait for it, in
// their order. One that may not run, because a person has parked it, ends its
// key. The first row is returned whatever its size.
//
// Early are rows that are due although they wait behind another one: a person
// has redriven them. [Owner.Queue] puts them back.
func (o Owner) Due(ctx context.Context, now time.Time, l Limit) (batch, early []*Row, err error) {
	due, err := o.due(ctx, now, &l)
	if err != nil || len(due) == 0 {
		return nil, nil, err
	}
	var heads []candidate
	for _, c := range due {
		switch {
		case c.first() || c.State == Dropped:
			heads = append(heads, c)
		case !slices.ContainsFunc(due, func(other candidate) bool { return other.Offset == c.head }):
			early = append(early, c.Row)
		}
	}
	waiting, err := o.waiting(ctx, heads, l)
	if err != nil {
		return nil, nil, err
	}
	return arrange(heads, waiting), early, nil
}

// A candidate is a row that is due, and the offset of the row that its key
// waits for.
type candidate struct {
	*Row
	head int64
}

func (c *candidate) first() bool { return !c.Blocks || c.Offset == c.head }

// leads reports whether other rows may wait for this one.
func (c *candidate) leads() bool { return c.Blocks && c.Offset == c.head && c.Key != nil }

func (o Owner) due(ctx context.Context, now time.Time, l *Limit) (due []candidate, err error) {
	// The head is asked for with every row: there is an index.
	query := `SELECT ` + columns + `, coalesce((SELECT min(b.record_offset) FROM pl_hold AS b
			WHERE b.consumer = h.consumer AND b.topic = h.topic AND b.partition = h.partition AND b.key_hash = h.key_hash AND b.key = h.key AND b.blocks), record_offset)
		FROM pl_hold AS h WHERE consumer = $1 AND topic = $2 AND partition = $3 AND next_at <= $4
		ORDER BY next_at, record_offset LIMIT $5`
	full := false
	err = database.Each(ctx, o.DB.Reading(), query, o.args(now, l.Rows), func(rows *sql.Rows) error {
		var c candidate
		var err error
		if full {
			return nil
		}
		c.Row, err = scanRow(rows, &c.head)
		if err != nil {
			return err
		}
		if full = !l.takes(c.Row) && len(due) > 0; !full {
			due = append(due, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read held deliveries of %s that are due: %w", o.Position, err)
	}
	return due, nil
}

// waiting reads rows of the heads' keys, the heads among them, by offset.
func (o Owner) waiting(ctx context.Context, heads []candidate, l Limit) (waiting []*Row, err error) {
	var keys [][]byte
	for _, h := range heads {
		if h.leads() {
			keys = append(keys, h.Key)
		}
	}
	if len(keys) == 0 || l.Rows <= 0 || l.Bytes <= 0 {
		return nil, nil
	}
	offsets, err := o.offsets(ctx, keys, l.Rows+len(keys))
	if err != nil || len(offsets) == 0 {
		return nil, err
	}
	among, args := o.DB.Among(6, offsets)
	query := `SELECT ` + columns + ` FROM pl_hold WHERE consumer = $1 AND topic = $2 AND partition = $3
		AND record_offset BETWEEN $4 AND $5 AND record_offset ` + among + ` ORDER BY record_offset`
	args = append(o.args(offsets[0], offsets[len(offsets)-1]), args...)
	full := false
	err = database.Each(ctx, o.DB.Reading(), query, args, func(rows *sql.Rows) error {
		if full {
			return nil
		}
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if full = !l.takes(r) && !contains(heads, r); !full {
			waiting = append(waiting, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read held deliveries of %s that wait: %w", o.Position, err)
	}
	return waiting, nil
}

// offsets returns the first offsets of rows that block the keys, in their order.
// Keys are looked for in their own index, whatever the order asks for: an
// expression has no index that would give it.
func (o Owner) offsets(ctx context.Context, keys [][]byte, limit int) (found []int64, err error) {
	among, args := o.DB.Among(4, keyHashes(keys))
	same, more := o.DB.Among(4+len(args), keys)
	query := fmt.Sprintf(`SELECT record_offset FROM pl_hold WHERE consumer = $1 AND topic = $2 AND partition = $3
		AND blocks AND key_hash %s AND key %s ORDER BY record_offset + 0 LIMIT %d`, among, same, limit)
	err = database.Each(ctx, o.DB.Reading(), query, o.args(append(args, more...)...), func(rows *sql.Rows) error {
		var offset int64
		err := rows.Scan(&offset)
		found = append(found, offset)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for held deliveries of %s that wait: %w", o.Position, err)
	}
	return found, nil
}

func contains(rows []candidate, r *Row) bool {
	return slices.ContainsFunc(rows, func(c candidate) bool { return c.Offset == r.Offset })
}

// arrange puts behind each head the rows of its key that may run after it.
// waiting is ordered by offset.
func arrange(heads []candidate, waiting []*Row) (batch []*Row) {
	placed := make(map[int64]bool, len(heads))
	for _, h := range heads {
		if placed[h.Offset] {
			continue
		}
		batch = append(batch, h.Row)
		placed[h.Offset] = true
		if !h.leads() {
			continue
		}
		for _, r := range waiting {
			if r.Offset <= h.Offset || string(r.Key) != string(h.Key) || placed[r.Offset] {
				continue
			}
			if r.State != Held && r.State != Dropped {
				break
			}
			batch = append(batch, r)
			placed[r.Offset] = true
		}
	}
	return batch
}
