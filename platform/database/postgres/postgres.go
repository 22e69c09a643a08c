// Package postgres keeps a context's database in PostgreSQL, in a database and
// under a role of its own.
//
// Transactions are READ COMMITTED. The server ends a transaction that its
// client has left idle for a minute, so that a stopped process cannot hold a
// position for longer; handlers must not wait that long between statements.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pulselearn/campus-hub/platform/database"
)

//go:embed migrations
var files embed.FS

// Connections a process opens at most, to write and to read.
const (
	writers = 16
	readers = 8
)

// settings are sent with every connection, unless the URL has its own.
var settings = map[string]string{
	"application_name":                    "pulselearn",
	"timezone":                            "UTC",
	"idle_in_transaction_session_timeout": "60000",
	"tcp_keepalives_idle":                 "30",
	"tcp_keepalives_interval":             "10",
	"tcp_keepalives_count":                "3",
}

// Open opens the database at a PostgreSQL URL or connection string. Behind a
// pooler such as PgBouncer in transaction mode, which it notices by itself,
// statements are not prepared and settings go with each transaction.
func Open(ctx context.Context, url string) (*database.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err) // pgx leaves the password out
	}
	own := map[string]string{}
	for name, value := range settings {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name], own[name] = value, value
		}
	}
	pooled, err := behindPooler(ctx, config)
	if err != nil {
		return nil, err
	}
	if pooled {
		forPooler(config, url, own)
	}
	db := database.New(dialect{pooled}, pool(config, writers), pool(config, readers))
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return db, nil
}

func pool(config *pgx.ConnConfig, size int) *sql.DB {
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// A dialect implements [database.Dialect].
type dialect struct {
	// pooled tells that a pooler may give each transaction another connection.
	pooled bool
}

func (d dialect) Traits() database.Traits {
	platform, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant
	}
	begin := []string{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"}
	beginRead := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	if d.pooled {
		begin = append(begin, beginSetting)
		beginRead += "; " + beginSetting
	}
	return database.Traits{
		Name: "postgres", Directory: "postgres", Platform: platform,
		Begin: begin, BeginOwn: append(slices.Clip(begin), byIndex), BeginRead: beginRead, BeginsLate: true,
		Shards: 2, Poll: 100 * time.Millisecond,
	}
}

// byIndex keeps the planner from reading a whole partition of a new day, which
// it takes for small as long as nothing has analyzed it: it would go on doing so
// with a plan that it has kept, for a minute, however many rows there are.
const byIndex = "SET LOCAL enable_seqscan = off"

// Rows returns arrays side by side, so that the text does not depend on how
// many rows there are and is planned once.
func (dialect) Rows(first int, columns ...any) (string, []any) {
	arrays, names := "", ""
	for i, c := range columns {
		if i > 0 {
			arrays, names = arrays+", ", names+", "
		}
		arrays += fmt.Sprintf("$%d::%s[]", first+i, typeName(c))
		names += fmt.Sprintf("c%d", i)
	}
	return fmt.Sprintf("SELECT %s FROM unnest(%s) WITH ORDINALITY AS r(%s, n) ORDER BY n", names, arrays, names), columns
}

// Among implements [database.Arrays]. The planner may read a whole table for
// the same values as rows of a subquery, and does when it knows little of it.
func (dialect) Among(first int, values any) (string, []any) {
	return fmt.Sprintf("= ANY($%d::%s[])", first, typeName(values)), []any{values}
}

func typeName(column any) string {
	switch column.(type) {
	case []int64:
		return "bigint"
	case []string:
		return "text"
	case [][]byte:
		return "bytea"
	case []time.Time, []*time.Time:
		return "timestamptz"
	case []bool:
		return "boolean"
	}
	panic(fmt.Sprintf("postgres: no column of %T", column))
}

// ExecBatch sends the statements in one pipeline. After one that fails, the
// server skips the others.
func (dialect) ExecBatch(ctx context.Context, c *sql.Conn, statements []database.Statement) (done int, changed int64, err error) {
	var batch pgx.Batch
	for _, s := range statements {
		batch.Queue(s.Query, s.Args...)
	}
	err = c.Raw(func(raw any) error {
		results := raw.(*stdlib.Conn).Conn().SendBatch(ctx, &batch)
		for range statements {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // gives the same error
				return err
			}
			changed = tag.RowsAffected()
			done++
		}
		return results.Close()
	})
	return done, changed, err
}

// errLost marks the error of a commit that the server may have carried out.
var errLost = errors.New("the server did not answer")

// Commit also notices that the server has rolled back instead, which it does
// without an error after a statement has failed.
func (dialect) Commit(ctx context.Context, c *sql.Conn) error {
	return c.Raw(func(raw any) error {
		tag, err := raw.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		var refused *pgconn.PgError
		switch {
		case err == nil && tag.String() == "ROLLBACK":
			return pgx.ErrTxCommitRollback
		case err == nil, errors.As(err, &refused):
			return err
		case pgconn.SafeToRetry(err): // never sent
			return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
		}
		return fmt.Errorf("%w: %w", errLost, err)
	})
}

// Classify goes by SQLSTATE.
func (dialect) Classify(err error) database.Fault {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return classify(e.Code)
	}
	var refused *pgconn.ConnectError
	if errors.Is(err, errLost) || errors.As(err, &refused) {
		return database.Unreachable
	}
	return database.ClassifyStandard(err)
}

func classify(code string) database.Fault {
	switch {
	case code == "40001", code == "40P01", code == "55P03":
		return database.Conflict
	case code == "57014":
		return database.Canceled
	case code == "25P03", code == "25P04":
		return database.Unreachable // idle for too long: the transaction is gone
	}
	switch code[:2] {
	case "08", "53", "57", "58", "XX":
		return database.Unreachable
	}
	return database.Refused
}

// migrationLock is the key of the advisory lock: "plmigrat" in ASCII.
const migrationLock = 0x706c6d6967726174

// Lock also bounds how long a statement of a migration waits for a table:
// everybody who comes later waits behind it.
func (dialect) Lock(ctx context.Context, c database.Conn) error {
	if _, err := c.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, `SET LOCAL lock_timeout = '10s'`)
	return err
}

// CreateDay attaches a new partition. Unlike CREATE TABLE ... PARTITION OF,
// this does not wait for the transactions that use the table.
func (dialect) CreateDay(ctx context.Context, c database.Conn, table string, day database.Day) error {
	_, err := c.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %[1]s_%[2]d (LIKE %[1]s INCLUDING ALL);
		ALTER TABLE %[1]s ATTACH PARTITION %[1]s_%[2]d FOR VALUES FROM (%[2]d) TO (%[3]d)`, table, day, day+1))
	return err
}

// DropDay drops the day's partition. It gives up at once when transactions
// that use the table do not end, because everybody else would wait behind it.
func (dialect) DropDay(ctx context.Context, c database.Conn, table string, day database.Day) (bool, error) {
	_, err := c.ExecContext(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = '500ms'; DROP TABLE IF EXISTS %s_%d`, table, day))
	return err == nil, err
}
