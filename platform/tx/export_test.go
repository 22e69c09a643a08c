package tx

import (
	"context"
	"database/sql"
	"errors"
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

// LoseCommits makes the next commits lose their outcome: applied says which of
// them take effect nevertheless. Later ones work.
func (db *Database) LoseCommits(applied ...bool) {
	l, ok := db.dialect.(*lossy)
	if !ok {
		l = &lossy{Dialect: db.dialect}
		db.dialect = l
	}
	l.applied = applied
}

var errLost = errors.New("connection lost during commit")

type lossy struct {
	Dialect
	applied []bool
}

func (l *lossy) Commit(ctx context.Context, c *sql.Conn) error {
	if len(l.applied) == 0 {
		return l.Dialect.Commit(ctx, c)
	}
	apply := l.applied[0]
	l.applied = l.applied[1:]
	if apply {
		if err := l.Dialect.Commit(ctx, c); err != nil {
			return err
		}
	}
	return errLost
}

func (l *lossy) Classify(err error) Fault {
	if errors.Is(err, errLost) {
		return Unreachable
	}
	return l.Dialect.Classify(err)
}
