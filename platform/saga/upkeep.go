package saga

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

const (
	// upkeepEvery is how often instances are counted, and events looked for
	// that missed theirs.
	upkeepEvery = 30 * time.Second
	// forgetEvery is how often what is old is removed.
	forgetEvery = time.Hour
	// memory is how long the lines of histories are kept. Instances are kept
	// for ever: they make a late second start event begin nothing.
	memory = 90 * 24 * time.Hour
	// clockWrong is by how much the clocks of engines may differ.
	clockWrong = time.Minute
	// forgetRows is how many lines go in one transaction.
	forgetRows = 2000
)

// A Count is how many instances of a saga have a status.
type Count struct {
	Saga   string
	Status Status
	// Parked says that these are instances with steps that are parked; they
	// are not among those of their status.
	Parked    bool
	Instances int64
	// Oldest is when the first of them last changed.
	Oldest time.Time
}

// Counts returns how many instances are not at their end, by saga and status,
// and how many have parked steps.
func Counts(ctx context.Context, db *database.DB) ([]Count, error) {
	var counts []Count
	err := database.Each(ctx, db.Reading(), `SELECT o.saga, o.status, o.waits, o.n, s.changed_at FROM (
			SELECT saga, status, CASE WHEN parked > 0 THEN 1 ELSE 0 END AS waits, count(*) AS n, min(changed_at) AS oldest
			FROM pl_saga WHERE status NOT IN ('completed', 'compensated') OR parked > 0
			GROUP BY saga, status, CASE WHEN parked > 0 THEN 1 ELSE 0 END) AS o
		JOIN pl_saga AS s ON s.saga = o.saga AND s.status = o.status AND s.changed_at = o.oldest
			AND CASE WHEN s.parked > 0 THEN 1 ELSE 0 END = o.waits
		ORDER BY o.saga, o.status, o.waits`, nil, func(rows *sql.Rows) error {
		var c Count
		var parked int64
		if err := rows.Scan(&c.Saga, &c.Status, &parked, &c.Instances, &c.Oldest); err != nil {
			return err
		}
		c.Parked, c.Oldest = parked == 1, c.Oldest.UTC()
		if n := len(counts); n > 0 && counts[n-1] == c {
			return nil // two that changed at the same time
		}
		counts = append(counts, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the instances of sagas: %w", err)
	}
	return counts, nil
}

// upkeep counts, wakes and forgets from time to time.
func (e *Engine) upkeep(ctx context.Context) {
	var forgotten time.Time
	for ctx.Err() == nil {
		now := database.Now()
		err := errors.Join(e.count(ctx), e.wake(ctx, now), e.hasten(ctx, now))
		if now.Sub(forgotten) >= forgetEvery {
			err = errors.Join(err, e.forget(ctx, now))
			forgotten = now
		}
		if err != nil && ctx.Err() == nil {
			e.cfg.Logger.WarnContext(ctx, "upkeep of sagas failed; trying again", "retry_in", upkeepEvery, "error", err)
		}
		database.Await(ctx, nil, upkeepEvery)
	}
}

func (e *Engine) count(ctx context.Context) error {
	counts, err := Counts(ctx, e.cfg.DB)
	if err == nil {
		e.cfg.counted(counts)
	}
	return err
}

// wake finds instances that wait for an event which is there. An event can
// miss its instance when that began, and came to wait, while the transaction
// that kept the event was still open.
func (e *Engine) wake(ctx context.Context, now time.Time) error {
	const missed = `waiting <> '' AND due_at > $1 AND EXISTS (SELECT 1 FROM pl_saga_event AS k
		WHERE k.saga = pl_saga.saga AND k.instance = pl_saga.id AND k.step = pl_saga.waiting)`
	var id string
	found, err := database.Scan(ctx, e.cfg.DB.Reading(), `SELECT id FROM pl_saga WHERE `+missed+` LIMIT 1`, []any{now}, &id)
	if err != nil || !found {
		return wrap(err, "look for events that missed their instance")
	}
	err = e.cfg.DB.InTx(ctx, func(u *database.Unit) error {
		_, err := u.ExecContext(ctx, `UPDATE pl_saga SET due_at = $1 WHERE `+missed, now)
		return err
	})
	e.cfg.DB.Ring()
	return wrap(err, "wake instances whose event is there")
}

// hasten makes instances due that were changed later than now: a clock that was
// wrong has put them off, for hours perhaps. The version keeps one from harm
// whose engine has a clock that still is.
func (e *Engine) hasten(ctx context.Context, now time.Time) error {
	var changed int64
	err := e.cfg.DB.InTx(ctx, func(u *database.Unit) (err error) {
		changed, err = database.Changed(ctx, u, `UPDATE pl_saga SET due_at = $1 WHERE due_at > $1 AND changed_at > $2`,
			now, now.Add(clockWrong))
		return err
	})
	if changed > 0 {
		e.cfg.DB.Ring()
	}
	return wrap(err, "look for instances that a wrong clock has put off")
}

// forget removes events that no instance has waited for in time, and old lines
// of histories.
func (e *Engine) forget(ctx context.Context, now time.Time) error {
	const events = `SELECT saga, instance, step FROM pl_saga_event WHERE expires_at < $1 LIMIT $2`
	const lines = `SELECT saga, instance, version, n FROM pl_saga_step WHERE at < $1 LIMIT $2`
	return errors.Join(
		wrap(e.remove(ctx, `DELETE FROM pl_saga_event WHERE (saga, instance, step) IN (`+events+`)`, now),
			"forget events that nobody waits for"),
		wrap(e.remove(ctx, `DELETE FROM pl_saga_step WHERE (saga, instance, version, n) IN (`+lines+`)`, now.Add(-memory)),
			"forget old histories"))
}

// remove runs a statement that deletes up to forgetRows rows until it finds
// less.
func (e *Engine) remove(ctx context.Context, statement string, before time.Time) error {
	for n := int64(forgetRows); n == forgetRows; {
		err := e.cfg.DB.InTx(ctx, func(u *database.Unit) (err error) {
			n, err = database.Changed(ctx, u, statement, before, forgetRows)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
