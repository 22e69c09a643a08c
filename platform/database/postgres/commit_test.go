package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/database"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A COMMIT that was never sent has no effect: that is known, and no fault of
// what it should have committed.
func TestCommitOverAClosedConnection(t *testing.T) {
	db, err := sql.Open("pgx", pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := c.Raw(func(raw any) error { return raw.(*stdlib.Conn).Conn().Close(context.Background()) }); err != nil {
		t.Fatal(err)
	}
	err = dialect{}.Commit(t.Context(), c)
	if got := (dialect{}).Classify(err); got != database.Unreachable || !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("%v is %d, want a bad connection, %d", err, got, database.Unreachable)
	}
}
