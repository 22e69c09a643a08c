package platformtest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
)

// BreakCommit makes the next times that the context commits go wrong; [Always]
// until [Harness.Mend]. Commands, batches of events, sagas and the outbox
// commit.
func (h *Harness) BreakCommit(context string, fault Fault, times int) {
	h.T.Helper()
	h.Database(context) // it has to be there
	h.faults.plan("commit "+context, fault, times)
}

// BreakTable makes every statement fail that adds rows to a table of the
// context, or changes or removes some, until [Harness.Mend]. It is an error of
// the statement, as a violated constraint is.
func (h *Harness) BreakTable(context, table string) {
	h.T.Helper()
	for _, change := range []string{"INSERT", "UPDATE", "DELETE"} {
		name := strings.ToLower("broken_" + change + "_" + table)
		h.execute(context, fmt.Sprintf(`CREATE TRIGGER %s BEFORE %s ON %s BEGIN SELECT RAISE(ABORT, '%s'); END`, name, change, table, errFault))
		h.faults.onMend(func() { h.execute(context, "DROP TRIGGER "+name) })
	}
}

// LockDatabase keeps the process from writing to the context's database until
// [Harness.Mend]: it waits for a transaction that does not end, and gives up
// when its time is up. Reading goes on.
func (h *Harness) LockDatabase(context string) {
	h.T.Helper()
	h.Database(context) // it has to be there
	u, err := h.faults.database(context).Begin(h.T.Context(), database.Foreground)
	h.must("lock the database of "+context, err)
	h.faults.onMend(u.Rollback)
}

func (h *Harness) execute(context, statement string) {
	h.T.Helper()
	ctx := h.T.Context()
	h.must(statement, h.Database(context).InTx(ctx, func(u *database.Unit) error {
		_, err := u.ExecContext(ctx, statement)
		return err
	}))
}

func (f *faults) onMend(end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.undo = append(f.undo, end)
}

// openSQLite opens the database of a context for the process.
func (f *faults) openSQLite(ctx context.Context, path string) (*database.DB, error) {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".db")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.databases == nil {
		f.databases = map[string]*database.DB{}
	}
	f.databases[name] = db
	db.Intercept(func(d database.Dialect) database.Dialect { return &faultyDialect{d, f, "commit " + name} })
	return db, nil
}

// database returns the process's own connections to a context's database.
func (f *faults) database(context string) *database.DB {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.databases[context]
}

// A faultyDialect is one whose commits can go wrong, as when the connection is
// lost meanwhile.
type faultyDialect struct {
	database.Dialect
	faults *faults
	what   string
}

// Commit implements [database.Dialect].
func (d *faultyDialect) Commit(ctx context.Context, c *sql.Conn) error {
	switch d.faults.hit(d.what) {
	case Refused:
	case Lost:
		if err := d.Dialect.Commit(ctx, c); err != nil {
			return err
		}
	case Stuck:
		<-ctx.Done()
	default:
		return d.Dialect.Commit(ctx, c)
	}
	return fmt.Errorf("commit: %w: %w", errFault, io.ErrUnexpectedEOF)
}
