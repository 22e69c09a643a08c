package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// inboxMemory is how long after its last use a day of the inbox goes.
	inboxMemory = 8 * 24 * time.Hour
	// outboxMemory is how long published events are kept, so that what a
	// broker has lost can be published again.
	outboxMemory = 7 * 24 * time.Hour
	// CommandMemory is how long the answer to a command is kept.
	CommandMemory = 24 * time.Hour
	// maintainEvery is the time between two rounds of housekeeping.
	maintainEvery = time.Hour
	// commandRows is how many old answers go in one transaction.
	commandRows = 2000
)

// Maintain keeps the platform's tables ready and small until ctx ends, and
// returns ctx's error: it prepares the next day, drops days that are no longer
// needed, and forgets old answers to commands. Events that are not published
// are never dropped. One process of a context suffices; more do no harm.
// Failures are logged to log and tried again.
func (db *DB) Maintain(ctx context.Context, log *slog.Logger) error {
	for {
		if err := db.MaintainAt(ctx, Now()); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "housekeeping of the database failed; trying again", "retry_in", maintainEvery, "error", err)
		}
		Await(ctx, nil, maintainEvery)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// MaintainAt is one round of [DB.Maintain] at the time present. A part that fails does not keep the others from
// their work.
func (db *DB) MaintainAt(ctx context.Context, present time.Time) error {
	today := DayOf(present)
	return errors.Join(
		db.Prepare(ctx, Outbox, today),
		db.Prepare(ctx, Outbox, today.Next()),
		db.Prepare(ctx, Inbox, today.Next()),
		db.dropDays(ctx, Inbox, present.Add(-inboxMemory)),
		db.dropDays(ctx, Outbox, present.Add(-outboxMemory)),
		db.forgetCommands(ctx, present.Add(-CommandMemory)),
	)
}

// dropDays drops the days of a table that are over and were last used before
// cutoff.
func (db *DB) dropDays(ctx context.Context, table string, cutoff time.Time) error {
	var old []Day
	err := Each(ctx, db.read, `SELECT day FROM pl_day WHERE relation = $1 AND day < $2 AND last_used < $3 ORDER BY day`,
		[]any{table, int64(DayOf(cutoff)), cutoff}, func(rows *sql.Rows) error {
			var d Day
			err := rows.Scan(&d)
			old = append(old, d)
			return err
		})
	if err != nil {
		return fmt.Errorf("find old days of %s: %w", table, err)
	}
	for _, day := range old {
		if err := db.dropDay(ctx, table, day, cutoff); err != nil {
			return fmt.Errorf("drop day %d of %s: %w", day, table, err)
		}
	}
	return nil
}

// dropDay drops one day, in as many transactions as the dialect likes. The
// lock on the day's row keeps everybody else from using the day meanwhile.
func (db *DB) dropDay(ctx context.Context, table string, day Day, cutoff time.Time) error {
	for gone := false; !gone; {
		err := db.InTx(ctx, func(u *Unit) error {
			n, err := Changed(ctx, u, `DELETE FROM pl_day WHERE relation = $1 AND day = $2 AND last_used < $3`,
				table, int64(day), cutoff)
			if err != nil {
				return err
			}
			needed, err := db.needed(ctx, u, table, day)
			if n == 0 || needed || err != nil {
				gone = true
				return keepRow(ctx, u, n, table, day, cutoff, err)
			}
			if gone, err = db.dialect.DropDay(ctx, u, table, day); gone || err != nil {
				return err
			}
			return keepRow(ctx, u, n, table, day, cutoff, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keepRow puts the row of a day back that is not gone yet.
func keepRow(ctx context.Context, u *Unit, deleted int64, table string, day Day, cutoff time.Time, err error) error {
	if err != nil || deleted == 0 {
		return err
	}
	_, err = u.ExecContext(ctx, `INSERT INTO pl_day (relation, day, last_used) VALUES ($1, $2, $3)`,
		table, int64(day), cutoff.Add(-time.Second))
	return err
}

// needed reports whether a day has events that are not published.
func (db *DB) needed(ctx context.Context, u *Unit, table string, day Day) (bool, error) {
	if table != Outbox {
		return false, nil
	}
	var seq int64
	return Scan(ctx, u, `SELECT seq FROM pl_outbox WHERE day = $1 AND published_at IS NULL LIMIT 1`, []any{int64(day)}, &seq)
}

// forgetCommands removes answers that are too old to be given again.
func (db *DB) forgetCommands(ctx context.Context, cutoff time.Time) error {
	for n := int64(commandRows); n == commandRows; {
		err := db.InTx(ctx, func(u *Unit) (err error) {
			n, err = Changed(ctx, u, `DELETE FROM pl_command WHERE (method, caller, key) IN
				(SELECT method, caller, key FROM pl_command WHERE created_at < $1 LIMIT $2)`, cutoff, commandRows)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget old answers to commands: %w", err)
		}
	}
	return nil
}
