package postgres

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/database"
)

func TestPoolersAreNoticed(t *testing.T) {
	pooled, direct := pgtest.PooledURL(t)
	for _, test := range []struct {
		name, url string
		params    map[string]string
		want      bool
	}{
		{"the server", direct, settings, false},
		{"a pooler that refuses settings", pooled, settings, true},
		{"a pooler that lets settings pass", pooled, nil, true},
	} {
		config, err := pgx.ParseConfig(test.url)
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams = test.params
		if got, err := behindPooler(t.Context(), config); got != test.want || err != nil {
			t.Errorf("%s: %t, %v, want %t", test.name, got, err, test.want)
		}
	}
}

// TestSettingsBehindAPooler wants every transaction to have the settings, and
// none to leave them behind for others.
func TestSettingsBehindAPooler(t *testing.T) {
	pooled, direct := pgtest.PooledURL(t)
	for name, url := range map[string]string{"direct": direct, "pooled": pooled} {
		db, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		err = db.InTx(t.Context(), func(u *database.Unit) error {
			for setting, want := range map[string]string{"idle_in_transaction_session_timeout": "1min", "timezone": "UTC", "application_name": "pulselearn"} {
				var got string
				if _, err := database.Scan(t.Context(), u, "SELECT current_setting($1)", []any{setting}, &got); err != nil || got != want {
					return fmt.Errorf("%s: %s is %q, want %q (%w)", name, setting, got, want, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if name != "pooled" {
			continue
		}
		var left string
		if _, err := database.Scan(t.Context(), db.Reading(), "SELECT current_setting('idle_in_transaction_session_timeout')", nil, &left); err != nil || left != "0" {
			t.Errorf("the pooler's connection keeps the setting %q, %v", left, err)
		}
	}
}

// TestConnectionsAreShared runs statements from many connections to PgBouncer
// over its few to the server, and shows that prepared statements, which pgx
// uses by default, do not survive that.
func TestConnectionsAreShared(t *testing.T) {
	pooled, _ := pgtest.PooledURL(t)
	db, err := Open(t.Context(), pooled)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := shuffle(t, db.Reading()); err != nil {
		t.Error(err)
	}
	careless, err := Open(t.Context(), pooled+"&"+execMode+"=cache_statement")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { careless.Close() })
	if err := shuffle(t, careless.Reading()); err == nil {
		t.Error("prepared statements work too: this pooler does not share connections, or carries statements over, and the test proves nothing")
	}
}

// shuffle runs queries from several connections at the same time.
func shuffle(t *testing.T, c database.Conn) error {
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for n := range 30 {
				var got int64
				query := fmt.Sprintf("SELECT $1::bigint + %d", n%5)
				_, err := database.Scan(t.Context(), c, query, []any{int64(i)}, &got)
				if err == nil && got != int64(i+n%5) {
					err = fmt.Errorf("%s is %d for %d", query, got, i)
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func TestSettingsThatAPoolerRefuses(t *testing.T) {
	pooled, _ := pgtest.PooledURL(t)
	_, err := Open(t.Context(), pooled+"&search_path=other")
	if err == nil || !strings.Contains(err.Error(), "ALTER ROLE") {
		t.Errorf("got %v, want what to do about the setting", err)
	}
}

// TestMigrationsBehindAPooler runs them at the same time through the pooler
// and past it.
func TestMigrationsBehindAPooler(t *testing.T) {
	pooled, direct := pgtest.PooledURL(t)
	var all sync.WaitGroup
	for _, url := range []string{pooled, direct, pooled} {
		db, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		all.Go(func() {
			if err := errors.Join(db.Migrate(t.Context(), nil), db.Verify(t.Context(), nil)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestMigrationsGiveWay wants a migration not to wait for ever for a table, and
// to say what to do.
func TestMigrationsGiveWay(t *testing.T) {
	db, err := Open(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	create := fstest.MapFS{"postgres/0001_init.sql": {Data: []byte("CREATE TABLE bound AS SELECT current_setting('lock_timeout') AS wait")}}
	if err := db.Migrate(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	var bound string
	if _, err := database.Scan(t.Context(), db.Reading(), "SELECT wait FROM bound", nil, &bound); err != nil || bound != "10s" {
		t.Errorf("a migration waits for %q, %v", bound, err)
	}
	holder, err := db.BeginRead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := database.Scan(t.Context(), holder, "SELECT wait FROM bound", nil, &bound); err != nil {
		t.Fatal(err)
	}
	create["postgres/0002_change.sql"] = &fstest.MapFile{Data: []byte("SET LOCAL lock_timeout = '50ms'; ALTER TABLE bound ADD COLUMN more text")}
	if err := db.Migrate(t.Context(), create); err == nil || !strings.Contains(err.Error(), "find what holds the table") {
		t.Errorf("got %v, want what was in the way", err)
	}
	holder.Rollback()
	if err := db.Migrate(t.Context(), create); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
