package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// A Written event is one that the outbox has.
type Written struct {
	Envelope event.Envelope
	Topic    string
	Key      []byte
	// PublishedAt is zero while the broker does not have it.
	PublishedAt time.Time
}

// Find returns the event with an id that was written around the time at, or nil
// when the outbox has none or no longer.
func Find(ctx context.Context, db *database.DB, id string, at time.Time) (*Written, error) {
	var found *Written
	today := database.DayOf(at)
	err := database.Each(ctx, db.Reading(), `SELECT id, topic, key, attributes, published_at FROM pl_outbox
		WHERE day IN ($1, $2, $3) AND id = $4`,
		[]any{int64(database.DayOf(today.Time().AddDate(0, 0, -1))), int64(today), int64(today.Next()), id}, func(rows *sql.Rows) error {
			var w Written
			var attributes string
			var published sql.NullTime
			if err := rows.Scan(&w.Envelope.ID, &w.Topic, &w.Key, &attributes, &published); err != nil {
				return err
			}
			if published.Valid {
				w.PublishedAt = published.Time.UTC()
			}
			found = &w
			return parseAttributes(&w.Envelope, attributes)
		})
	if err != nil {
		return nil, fmt.Errorf("look for event %s in the outbox: %w", id, err)
	}
	return found, nil
}
