package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// migrationsCLI is a binary with one context that has one migration.
func migrationsCLI() (c *cli, stdout, stderr *bytes.Buffer) {
	app := New("hub")
	create := &fstest.MapFile{Data: []byte("CREATE TABLE loan (id text PRIMARY KEY)")}
	app.Add(Definition{
		Context: "library", Migrations: fstest.MapFS{"sqlite/0001_init.sql": create, "postgres/0001_init.sql": create},
		Methods: func(*connect.Server, *rpc.Core, *rpc.Directory) {},
	})
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	engines := Engines{OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open}
	return &cli{app: app, engines: engines, stdout: stdout, stderr: stderr}, stdout, stderr
}

func askMigrations(t *testing.T, database string, apply bool) (files []string, progress string) {
	t.Helper()
	c, stdout, stderr := migrationsCLI()
	request, err := json.Marshal(migrationsRequest{Context: "library", Database: database, Apply: apply})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.serveMigrations(&Config{}, bytes.NewReader(request)); err != nil {
		t.Fatal(err)
	}
	var answer migrationsAnswer
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	for _, m := range answer.Pending {
		files = append(files, m.File)
	}
	return files, stderr.String()
}

func TestMigrationsAreListedAndRun(t *testing.T) {
	t.Parallel()
	for dialect, database := range map[string]string{
		"sqlite": filepath.Join(t.TempDir(), "some.db"), "postgres": pgtest.URL(t),
	} {
		before, progress := askMigrations(t, database, false)
		if len(before) < 2 || before[len(before)-1] != dialect+"/0001_init.sql" || progress != "" {
			t.Errorf("%s: %v are listed with %q", dialect, before, progress)
		}
		if _, err := os.Stat(database); dialect == "sqlite" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a list has made the database: %v", err)
		}
		if ran, progress := askMigrations(t, database, true); len(ran) != len(before) || strings.Count(progress, "library: ran ") != len(before) {
			t.Errorf("%s: %v ran, of %v, with\n%s", dialect, ran, before, progress)
		}
		if after, _ := askMigrations(t, database, false); len(after) != 0 {
			t.Errorf("%s: %v are pending after all ran", dialect, after)
		}
	}
}

func TestMigrationsOfAnUnknownContext(t *testing.T) {
	t.Parallel()
	c, _, _ := migrationsCLI()
	err := c.serveMigrations(&Config{}, strings.NewReader(`{"context": "libary", "database": "x.db"}`))
	var wrong *ConfigError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), `no context "libary", only library`) {
		t.Errorf("got %v", err)
	}
	if err := c.serveMigrations(&Config{}, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "pl-gen migrate") {
		t.Errorf("without a request: %v", err)
	}
}
