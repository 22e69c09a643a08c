package tx_test

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pulselearn/campus-hub/platform/database"
)

var errLost = errors.New("connection lost during commit")

// A lossy dialect loses the connection during some of the next commits: each
// value says whether that commit has taken effect.
type lossy struct {
	database.Dialect
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

func (l *lossy) Classify(err error) database.Fault {
	if errors.Is(err, errLost) {
		return database.Unreachable
	}
	return l.Dialect.Classify(err)
}

// loseCommits sets what happens to the next commits.
func (w *world) loseCommits(applied ...bool) { w.lossy.applied = applied }
