package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pulselearn/campus-hub/platform/database"
)

func TestClassify(t *testing.T) {
	state := func(code string) error { return fmt.Errorf("insert: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		err  error
		want database.Fault
	}{
		{state("23505"), database.Refused},  // unique violation
		{state("42P01"), database.Refused},  // undefined table
		{state("25P02"), database.Refused},  // in a failed transaction
		{state("40001"), database.Conflict}, // serialization failure
		{state("40P01"), database.Conflict}, // deadlock
		{state("55P03"), database.Conflict}, // lock timeout
		{state("57014"), database.Canceled}, // statement timeout
		{state("57P01"), database.Unreachable},
		{state("53300"), database.Unreachable}, // too many connections
		{state("25P03"), database.Unreachable}, // idle in transaction
		{state("08006"), database.Unreachable},
		{io.ErrUnexpectedEOF, database.Unreachable},
		{driver.ErrBadConn, database.Unreachable},
		{context.DeadlineExceeded, database.Unreachable},
		{fmt.Errorf("%w: reset by peer", errLost), database.Unreachable},
		{errors.New("cannot encode an argument"), database.Refused},
	} {
		if got := (dialect{}).Classify(c.err); got != c.want {
			t.Errorf("%v is %d, want %d", c.err, got, c.want)
		}
	}
}
