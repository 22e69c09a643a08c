package tx

import (
	"context"
	"database/sql"
	"time"
)

// Raw returns the write pool, past the queue, for looking at tables.
func (db *Database) Raw() *sql.DB { return db.write }

// MaintainAt runs one round of housekeeping at another time.
func (db *Database) MaintainAt(ctx context.Context, at time.Time) error { return db.maintain(ctx, at) }

// ExpireLeases makes every relay's lease end, as if its process had stopped.
func (db *Database) ExpireLeases(ctx context.Context) error {
	_, err := db.write.ExecContext(ctx, `UPDATE pl_relay SET leased_until = $1`, time.Unix(0, 0).UTC())
	return err
}

// SetPace makes deliveries look as if each took this long.
func (s *Store) SetPace(each time.Duration) { s.pace.each = each }

// SettlesDuplicates is false in the mutant without an inbox.
const SettlesDuplicates = settlesDuplicates
