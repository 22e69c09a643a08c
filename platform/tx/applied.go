package tx

import (
	"context"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/event"
)

// Applied reports whether the inbox of db knows that a consumer has applied the
// event with the attributes source and id, which was published around the time
// at. id is the attribute sameas where the event has one. The inbox forgets
// after eight days.
func Applied(ctx context.Context, db *database.DB, consumer, source, id string, at time.Time) (bool, error) {
	d := bus.Delivery{Event: event.Envelope{Source: source, ID: id, Time: at}}
	f := factOf(&d, database.Now())
	days := []int64{int64(f.day), int64(database.DayOf(f.day.Time().AddDate(0, 0, -1))), int64(f.day.Next()), int64(database.DayOf(database.Now()))}
	among, args := db.Among(3, days)
	var one int64
	found, err := database.Scan(ctx, db.Reading(), `SELECT 1 FROM pl_inbox WHERE consumer = $1 AND hash = $2 AND day `+among+` LIMIT 1`,
		append([]any{consumer, f.hash[:]}, args...), &one)
	if err != nil {
		return false, fmt.Errorf("look for an event in the inbox: %w", err)
	}
	return found, nil
}
