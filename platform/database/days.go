package database

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Tables that are partitioned by day.
const (
	Inbox  = "pl_inbox"
	Outbox = "pl_outbox"
)

// touchEvery is how often a process says that it still writes to a day.
const touchEvery = time.Hour

// days remembers which days of which tables are ready to be written.
type days struct {
	mu      sync.Mutex
	touched map[tableDay]time.Time
}

type tableDay struct {
	table string
	day   Day
}

// Prepare makes a table ready for rows of a day. It must not be called inside
// a transaction. Housekeeping drops a day some time after its last prepare.
func (db *DB) Prepare(ctx context.Context, table string, day Day) error {
	at := tableDay{table, day}
	now := time.Now()
	if db.days.fresh(at, now) {
		return nil
	}
	err := db.InTx(ctx, func(u *Unit) error { return db.touch(ctx, u, at, now) })
	if err != nil {
		return fmt.Errorf("prepare %s for day %d: %w", table, day, err)
	}
	db.days.set(at, now)
	return nil
}

// touch records the use of a day and creates its partition when it is the
// first. A process that comes at the same time waits for the row.
func (db *DB) touch(ctx context.Context, u *Unit, at tableDay, now time.Time) error {
	created, err := Changed(ctx, u, `INSERT INTO pl_day (relation, day, last_used) VALUES ($1, $2, $3)
		ON CONFLICT (relation, day) DO NOTHING`, at.table, int64(at.day), now.UTC())
	if err != nil {
		return err
	}
	if created == 1 {
		return db.dialect.CreateDay(ctx, u, at.table, at.day)
	}
	_, err = u.ExecContext(ctx, `UPDATE pl_day SET last_used = $3 WHERE relation = $1 AND day = $2 AND last_used < $3`,
		at.table, int64(at.day), now.UTC())
	return err
}

func (d *days) fresh(at tableDay, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	touched, ok := d.touched[at]
	return ok && now.Sub(touched) < touchEvery
}

func (d *days) set(at tableDay, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.touched == nil {
		d.touched = make(map[tableDay]time.Time)
	}
	for old, touched := range d.touched {
		if now.Sub(touched) >= touchEvery {
			delete(d.touched, old)
		}
	}
	d.touched[at] = now
}
