package hold

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
)

// A Tally is what is held of one position.
type Tally struct {
	bus.Position
	// States counts the deliveries in each state.
	States map[State]int64
	// BlockedKeys is how many keys wait, BlockedSince since when the first of
	// them has, and BlockedBy the offset of the delivery that it waits for.
	BlockedKeys  int64
	BlockedSince time.Time
	BlockedBy    int64
}

// Tallies returns what is held of every position of a consumer, or of all
// consumers when it is "". Positions of which nothing is held are left out.
func Tallies(ctx context.Context, db *database.DB, consumer string) (map[bus.Position]*Tally, error) {
	found := map[bus.Position]*Tally{}
	of := func(p bus.Position) *Tally {
		if found[p] == nil {
			found[p] = &Tally{Position: p, States: map[State]int64{}}
		}
		return found[p]
	}
	var q query
	(&Filter{Consumer: consumer}).where(&q)
	err := database.Each(ctx, db.Reading(), `SELECT consumer, topic, partition, state, count(*) FROM pl_hold
		WHERE true`+q.text.String()+` GROUP BY consumer, topic, partition, state`, q.args, func(rows *sql.Rows) error {
		var p bus.Position
		var state State
		var n int64
		err := rows.Scan(&p.Consumer, &p.Topic, &p.Partition, &state, &n)
		of(p).States[state] = n
		return err
	})
	if err == nil {
		err = tallyKeys(ctx, db, &q, of)
	}
	if err != nil {
		return nil, fmt.Errorf("count held deliveries: %w", err)
	}
	return found, nil
}

func tallyKeys(ctx context.Context, db *database.DB, q *query, of func(bus.Position) *Tally) error {
	const position = `consumer, topic, partition`
	text := `SELECT ` + position + `, number, head, since FROM (
		SELECT k.*, count(*) OVER (PARTITION BY ` + position + `) AS number,
			row_number() OVER (PARTITION BY ` + position + ` ORDER BY since, head) AS place FROM (
			SELECT ` + position + `, key, min(record_offset) AS head, min(held_at) AS since FROM pl_hold
			WHERE blocks AND key IS NOT NULL` + q.text.String() + ` GROUP BY ` + position + `, key) AS k) AS r WHERE place = 1`
	return database.Each(ctx, db.Reading(), text, q.args, func(rows *sql.Rows) error {
		var p bus.Position
		var keys, head int64
		var since moment
		err := rows.Scan(&p.Consumer, &p.Topic, &p.Partition, &keys, &head, &since)
		t := of(p)
		t.BlockedKeys, t.BlockedBy, t.BlockedSince = keys, head, since.Time
		return err
	})
}
