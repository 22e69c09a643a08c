// Package sqlite keeps a context's database in one SQLite file.
//
// The file has one writer at a time, in one process, and a pool of readers. It
// is in WAL mode with synchronous NORMAL: commits survive a killed process,
// but the last ones may be lost when the machine loses power.
//
// Days of the inbox and the outbox that are over are deleted a few thousand
// rows at a time, so that nobody waits long for the writer.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/pulselearn/campus-hub/platform/database"
)

//go:embed migrations
var files embed.FS

// readers is how many queries run at the same time.
const readers = 4

// Open opens the database file at path, and creates it and its directory when
// they do not exist. Every Open with an empty path is a new database in a
// temporary directory, which is removed when the database is closed.
func Open(ctx context.Context, path string) (*database.DB, error) {
	d, path, err := place(path)
	if err != nil {
		return nil, fmt.Errorf("place for the database: %w", err)
	}
	db, err := open(ctx, d, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), d.clean())
	}
	return db, nil
}

func place(path string) (*dialect, string, error) {
	if path != "" {
		return &dialect{}, path, os.MkdirAll(filepath.Dir(path), 0o750)
	}
	dir, err := os.MkdirTemp("", "pl-sqlite-")
	return &dialect{temporary: dir}, filepath.Join(dir, "context.db"), err
}

func open(ctx context.Context, d *dialect, path string) (*database.DB, error) {
	write, err := sql.Open("sqlite", dsn(path, "_journal_mode=WAL", "_synchronous=NORMAL"))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, "_query_only=1"))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return database.New(d, write, read), nil
}

// dsn writes times as RFC 3339 with a blank, so that text order is time order.
func dsn(path string, options ...string) string {
	options = append(options, "_busy_timeout=10000", "_foreign_keys=1", "_dqs=0", "_time_format=sqlite", "_timezone=UTC")
	u := url.URL{Scheme: "file", OmitHost: true, Path: path}
	return u.String() + "?" + strings.Join(options, "&")
}

// A dialect implements [database.Dialect].
type dialect struct{ temporary string }

func (d *dialect) clean() error {
	if d.temporary == "" {
		return nil
	}
	return os.RemoveAll(d.temporary)
}

// Close removes a temporary database. [database.DB] calls it.
func (d *dialect) Close() error { return d.clean() }

func (*dialect) Traits() database.Traits {
	platform, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the path is a constant
	}
	begin := []string{"BEGIN IMMEDIATE"}
	return database.Traits{
		Name: "sqlite3", Directory: "sqlite", Platform: platform,
		Begin: begin, BeginOwn: begin, BeginRead: "BEGIN",
		SingleWriter: true, BatchTime: 5 * time.Millisecond,
		Shards: 1, Poll: time.Minute, // no other process writes, and those here ring
	}
}

func (*dialect) ExecBatch(ctx context.Context, c *sql.Conn, statements []database.Statement) (done int, changed int64, err error) {
	for i, s := range statements {
		res, err := c.ExecContext(ctx, s.Query, s.Args...)
		if err == nil {
			changed, err = res.RowsAffected()
		}
		if err != nil {
			return i, 0, err
		}
	}
	return len(statements), changed, nil
}

func (*dialect) Commit(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "COMMIT")
	return err
}

// Classify knows the engine's result codes by their primary code.
func (*dialect) Classify(err error) database.Fault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return database.ClassifyStandard(err)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return database.Conflict
	case lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_CANTOPEN, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB,
		lib.SQLITE_NOMEM, lib.SQLITE_INTERRUPT, lib.SQLITE_READONLY:
		return database.Unreachable
	}
	return database.Refused
}

// Lock does nothing: BEGIN IMMEDIATE has the lock.
func (*dialect) Lock(context.Context, database.Conn) error { return nil }

// CreateDay does nothing: a day's rows are found by their key.
func (*dialect) CreateDay(context.Context, database.Conn, string, database.Day) error { return nil }

// dropRows is how many rows go in one transaction; more would keep commands
// waiting.
const dropRows = 2000

var drops = map[string]string{
	"pl_inbox": `DELETE FROM pl_inbox WHERE (day, consumer, hash) IN
		(SELECT day, consumer, hash FROM pl_inbox WHERE day = $1 LIMIT $2)`,
	"pl_outbox": `DELETE FROM pl_outbox WHERE seq IN (SELECT seq FROM pl_outbox WHERE day = $1 LIMIT $2)`,
}

func (*dialect) DropDay(ctx context.Context, c database.Conn, table string, day database.Day) (bool, error) {
	res, err := c.ExecContext(ctx, drops[table], int64(day), dropRows)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n < dropRows, err
}
