package database

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"time"
)

// Histories that are kept apart in pl_migration.
const (
	platformHistory = "platform"
	contextHistory  = "context"
)

// A migration is one file of a history.
type migration struct {
	history  string
	version  string // the digits that the file's name begins with
	file     string
	text     string
	checksum string
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// A Migration is one file of a history, for people.
type Migration struct {
	// History is "platform" or "context", and File the file's path in it.
	History, File string
	// SQL is the file's text.
	SQL string
}

func (m *migration) public() Migration { return Migration{m.history, m.file, m.text} }

// Migrate brings the database up to date: the platform's tables, then the
// files <dialect>/NNNN_name.sql of context, where <dialect> is sqlite or
// postgres; context may be nil. Each file runs in a transaction of its own,
// and its checksum is recorded with it. A file that was changed after it ran,
// or that was put before one that ran, is refused. Processes that migrate at
// the same time wait for each other.
func (db *DB) Migrate(ctx context.Context, context fs.FS) error {
	return db.MigrateEach(ctx, context, func(Migration, time.Duration) {})
}

// MigrateEach is Migrate that calls done after each file that it has run and
// committed, with how long that took.
func (db *DB) MigrateEach(ctx context.Context, context fs.FS, done func(m Migration, took time.Duration)) error {
	files, err := db.migrations(context)
	if err != nil {
		return err
	}
	for i := range files {
		begin := time.Now()
		ran, err := db.migrate(ctx, files[:i+1])
		if err != nil {
			return err
		}
		if ran {
			done(files[i].public(), time.Since(begin))
		}
	}
	return nil
}

// Pending returns what Migrate would run, in its order. It changes nothing.
func (db *DB) Pending(ctx context.Context, context fs.FS) ([]Migration, error) {
	files, err := db.migrations(context)
	if err != nil {
		return nil, err
	}
	applied, err := db.applied(ctx, db.read)
	if err != nil && db.Classify(err) != Refused { // refused: there is no table yet
		return nil, fmt.Errorf("read the table of migrations: %w", err)
	}
	var pending []Migration
	for i := range files {
		done, err := applied.has(files, i)
		if err != nil {
			return nil, err
		}
		if !done {
			pending = append(pending, files[i].public())
		}
	}
	return pending, nil
}

// Verify checks that Migrate has nothing to do. The error names what is
// missing. Files that ran but are unknown here are accepted: they come from a
// newer version of the binary.
func (db *DB) Verify(ctx context.Context, context fs.FS) error {
	files, err := db.migrations(context)
	if err != nil {
		return err
	}
	applied, err := db.applied(ctx, db.read)
	if err != nil {
		return fmt.Errorf("the database has no record of migrations; run this program with the command \"migrate\" first: %w", err)
	}
	for i := range files {
		done, err := applied.has(files, i)
		if err != nil {
			return err
		}
		if !done {
			return fmt.Errorf("migration %s of the %s has not been applied; run this program with the command \"migrate\" first",
				files[i].file, files[i].history)
		}
	}
	return nil
}

func (db *DB) migrations(context fs.FS) ([]migration, error) {
	files, err := readMigrations(platformHistory, db.traits.Platform, ".")
	if err != nil || context == nil {
		return files, err
	}
	own, err := readMigrations(contextHistory, context, db.traits.Directory)
	return append(files, own...), err
}

// readMigrations returns the files of a directory in their order. A directory
// that does not exist has none.
func readMigrations(history string, fsys fs.FS, dir string) ([]migration, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read migrations of the %s: %w", history, err)
	}
	var files []migration
	for _, e := range entries {
		if path.Ext(e.Name()) != ".sql" {
			continue
		}
		m, err := readMigration(history, fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if n := len(files); n > 0 && files[n-1].version == m.version {
			return nil, fmt.Errorf("migrations %s and %s have the same number; give one of them the next free one",
				files[n-1].file, m.file)
		}
		files = append(files, m)
	}
	return files, nil
}

func readMigration(history string, fsys fs.FS, file string) (migration, error) {
	name := migrationName.FindStringSubmatch(path.Base(file))
	if name == nil {
		return migration{}, fmt.Errorf("migration %s: the name must look like 0001_create_badges.sql", file)
	}
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return migration{}, fmt.Errorf("read migration %s: %w", file, err)
	}
	sum := sha256.Sum256(text)
	return migration{
		history: history, version: name[1], file: file, text: string(text), checksum: hex.EncodeToString(sum[:]),
	}, nil
}

// createMigrationTable is the one statement that is not in a migration.
const createMigrationTable = `CREATE TABLE IF NOT EXISTS pl_migration (
	history    varchar(16)  NOT NULL,
	version    varchar(4)   NOT NULL,
	file       varchar(255) NOT NULL,
	checksum   varchar(64)  NOT NULL,
	applied_at timestamp    NOT NULL,
	PRIMARY KEY (history, version)
)`

// migrate applies the last of files when it has not been applied, and reports
// whether it did.
func (db *DB) migrate(ctx context.Context, files []migration) (ran bool, err error) {
	err = db.InTx(ctx, func(u *Unit) error {
		if err := db.dialect.Lock(ctx, u); err != nil {
			return fmt.Errorf("wait for other migrations: %w", err)
		}
		if _, err := u.ExecContext(ctx, createMigrationTable); err != nil {
			return fmt.Errorf("create the table of migrations: %w", err)
		}
		applied, err := db.applied(ctx, u)
		if err != nil {
			return fmt.Errorf("read the table of migrations: %w", err)
		}
		last := len(files) - 1
		if done, err := applied.has(files, last); done || err != nil {
			return err
		}
		ran = true
		return apply(ctx, u, &files[last])
	})
	if err != nil && db.Classify(err) == Conflict {
		err = fmt.Errorf("%w; another transaction was in the way and nothing was changed: find what holds the table, and run it again", err)
	}
	return ran, err
}

func apply(ctx context.Context, u *Unit, m *migration) error {
	if _, err := u.ExecContext(ctx, m.text); err != nil {
		return fmt.Errorf("migration %s of the %s: %w", m.file, m.history, err)
	}
	_, err := u.ExecContext(ctx, `INSERT INTO pl_migration (history, version, file, checksum, applied_at)
		VALUES ($1, $2, $3, $4, $5)`, m.history, m.version, m.file, m.checksum, time.Now().UTC())
	if err != nil {
		return fmt.Errorf("record migration %s of the %s: %w", m.file, m.history, err)
	}
	return nil
}

// history is what has been applied: checksums by history and version.
type history map[[2]string]string

func (db *DB) applied(ctx context.Context, c Conn) (history, error) {
	h := make(history)
	err := Each(ctx, c, `SELECT history, version, checksum FROM pl_migration`, nil, func(rows *sql.Rows) error {
		var name, version, sum string
		if err := rows.Scan(&name, &version, &sum); err != nil {
			return err
		}
		h[[2]string{name, version}] = sum
		return nil
	})
	return h, err
}

// has reports whether files[i] has been applied, or why it never can be.
func (h history) has(files []migration, i int) (bool, error) {
	m := &files[i]
	sum, done := h[[2]string{m.history, m.version}]
	if done && sum != m.checksum {
		return false, fmt.Errorf("migration %s of the %s was changed after it had been applied; restore it and write a new one",
			m.file, m.history)
	}
	if done {
		return true, nil
	}
	for at := range h {
		if at[0] == m.history && at[1] > m.version {
			return false, fmt.Errorf("migration %s of the %s comes before %s, which has been applied; give it the next free number",
				m.file, m.history, at[1])
		}
	}
	return false, nil
}
