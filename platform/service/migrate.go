package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/database"
)

// migrate brings the databases of all contexts up to date, and says what it
// has run.
func (c *cli) migrate(cfg *Config) error {
	ctx, cancel := c.untilSignal(c.logger(cfg))
	defer cancel()
	if err := c.app.check(); err != nil {
		return err
	}
	p := &Process{app: c.app, cfg: cfg, engines: c.engines, log: slog.New(slog.DiscardHandler)}
	for i := range c.app.definitions {
		d := &c.app.definitions[i]
		db, err := p.openDatabase(ctx, d.Context)
		if err == nil {
			err = errors.Join(migrateLoudly(ctx, db, d, c.stdout), db.Close())
		}
		if err != nil {
			return fmt.Errorf("database of %s: %w", d.Context, err)
		}
	}
	return nil
}

// migrateLoudly runs the migrations, and writes a line to w for each.
func migrateLoudly(ctx context.Context, db *database.DB, d *Definition, w io.Writer) error {
	return db.MigrateEach(ctx, d.Migrations, func(m database.Migration, took time.Duration) {
		fmt.Fprintf(w, "%s: ran %s of the %s in %s\n", d.Context, m.File, m.History, took.Round(time.Millisecond))
	})
}

// A migrationsRequest is what the command "migrations" reads from its standard
// input, as JSON. pl-gen makes it.
type migrationsRequest struct {
	Context string `json:"context"`
	// Database is a PostgreSQL URL, or the path of a SQLite file.
	Database string `json:"database"`
	// Apply asks for the migrations to be run, and not only to be listed.
	Apply bool `json:"apply"`
}

// A migrationsAnswer is what the command writes: the migrations that were
// pending, in their order.
type migrationsAnswer struct {
	Dialect string          `json:"dialect"`
	Pending []migrationJSON `json:"pending"`
}

type migrationJSON struct {
	History string `json:"history"`
	File    string `json:"file"`
	SQL     string `json:"sql"`
}

// migrations lists the migrations that a database lacks, and runs them when
// that is asked for. Progress goes to stderr.
func (c *cli) migrations(cfg *Config) error { return c.serveMigrations(cfg, os.Stdin) }

func (c *cli) serveMigrations(cfg *Config, in io.Reader) error {
	var request migrationsRequest
	if err := json.NewDecoder(in).Decode(&request); err != nil {
		return fmt.Errorf("read the request; \"pl-gen migrate\" makes it: %w", err)
	}
	i := slices.IndexFunc(c.app.definitions, func(d Definition) bool { return d.Context == request.Context })
	if i < 0 {
		return &ConfigError{fmt.Errorf("there is no context %q, only %s", request.Context, strings.Join(c.app.contexts(), ", "))}
	}
	ctx, cancel := c.untilSignal(c.logger(cfg))
	defer cancel()
	db, err := request.open(ctx, &c.engines)
	if err != nil {
		return err
	}
	answer, err := request.carryOut(ctx, db, &c.app.definitions[i], c.stderr)
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("database of %s: %w", request.Context, err)
	}
	return json.NewEncoder(c.stdout).Encode(answer)
}

// open opens the database. A SQLite file that does not exist is not made by a
// list of what it lacks.
func (r *migrationsRequest) open(ctx context.Context, engines *Engines) (*database.DB, error) {
	if strings.HasPrefix(r.Database, "postgres://") || strings.HasPrefix(r.Database, "postgresql://") {
		return engines.OpenPostgres(ctx, r.Database)
	}
	if _, err := os.Stat(r.Database); err == nil || r.Apply {
		return engines.OpenSQLite(ctx, r.Database)
	}
	return engines.OpenSQLite(ctx, "") // a new one, which is removed again
}

func (r *migrationsRequest) carryOut(ctx context.Context, db *database.DB, d *Definition, progress io.Writer) (*migrationsAnswer, error) {
	pending, err := db.Pending(ctx, d.Migrations)
	if err != nil {
		return nil, err
	}
	answer := &migrationsAnswer{Dialect: db.Traits().Directory, Pending: []migrationJSON{}}
	for _, m := range pending {
		answer.Pending = append(answer.Pending, migrationJSON(m))
	}
	if r.Apply {
		err = migrateLoudly(ctx, db, d, progress)
	}
	return answer, err
}
