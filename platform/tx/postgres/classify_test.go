package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pulselearn/campus-hub/platform/tx"
)

func TestClassify(t *testing.T) {
	state := func(code string) error { return fmt.Errorf("insert: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		err  error
		want tx.Fault
	}{
		{state("23505"), tx.Refused},  // unique violation
		{state("42P01"), tx.Refused},  // undefined table
		{state("25P02"), tx.Refused},  // in a failed transaction
		{state("40001"), tx.Conflict}, // serialization failure
		{state("40P01"), tx.Conflict}, // deadlock
		{state("55P03"), tx.Conflict}, // lock timeout
		{state("57P01"), tx.Unreachable},
		{state("53300"), tx.Unreachable}, // too many connections
		{state("25P03"), tx.Unreachable}, // idle in transaction
		{state("08006"), tx.Unreachable},
		{io.ErrUnexpectedEOF, tx.Unreachable},
		{driver.ErrBadConn, tx.Unreachable},
		{context.DeadlineExceeded, tx.Unreachable},
		{fmt.Errorf("%w: reset by peer", errLost), tx.Unreachable},
		{errors.New("cannot encode an argument"), tx.Refused},
	} {
		if got := (dialect{}).Classify(c.err); got != c.want {
			t.Errorf("%v is %d, want %d", c.err, got, c.want)
		}
	}
}
