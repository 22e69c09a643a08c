//go:build unix

package e2e

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A deployment is a process for each context, and the broker in a process of
// its own.
type deployment struct {
	*stand
	t        *testing.T
	broker   *program // with the registry
	external string   // host:port of the Kafka that the services use; "": the embedded one
	services map[string]*program
	dbs      map[string]*database.DB // the same databases as the services have
	urls     map[string]string       // by context; those without one use SQLite
	raw      *kgo.Client
	admin    *kadm.Client
}

// deploy starts a deployment on SQLite. mutants are build tags by context.
func deploy(t *testing.T, mutants map[string]string) *deployment {
	t.Helper()
	return deployOn(t, nil, mutants)
}

// deployOn starts a deployment on the PostgreSQL databases at urls, by context,
// and on SQLite for contexts that have none.
func deployOn(t *testing.T, urls, mutants map[string]string) *deployment {
	t.Helper()
	return deployBeside(t, "", urls, mutants)
}

// deployBeside starts a deployment as deployOn does, on the Kafka at an address
// instead of the embedded one, unless that is empty.
func deployBeside(t *testing.T, kafka string, urls, mutants map[string]string) *deployment {
	t.Helper()
	s := newStand(t)
	d := &deployment{stand: s, t: t, services: map[string]*program{}, dbs: map[string]*database.DB{}, urls: urls}
	d.broker = s.hub(t, "broker")
	d.external = kafka
	d.startBroker()
	for _, name := range services {
		path := filepath.Join(build(t, "", services...), name)
		if tags := mutants[name]; tags != "" {
			path = filepath.Join(build(t, tags, name), name)
		}
		d.services[name] = d.service(name, name, path)
	}
	for _, caller := range []string{"achievement", "notification"} {
		d.services[caller].set("PL_CALLS_USERPROFILE=" + d.services["userprofile"].url())
	}
	for _, name := range services {
		d.services[name].startReady()
	}
	d.connect()
	return d
}

// kafka is where the broker is that the services use.
func (d *deployment) kafka() string {
	return cmp.Or(d.external, d.broker.setting("PL_EMBEDDED_KAFKA_ADDR"))
}

// service returns the program that runs a context of the deployment.
func (d *deployment) service(name, context, path string) *program {
	d.t.Helper()
	p := d.program(name, path, nil, "PL_KAFKA_BROKERS="+d.kafka(),
		"PL_REGISTRY_URL=http://"+d.broker.setting("PL_EMBEDDED_REGISTRY_ADDR"),
		"PL_PROVISION=true", "PL_LOG_LEVEL=debug", "PL_LOG_FORMAT=json")
	if url := d.urls[context]; url != "" {
		p.set("PL_DATABASE_URL=" + url)
	}
	return p
}

// deployHub starts a hub, which is all services and the broker at once. env
// holds further settings, KEY=value.
func deployHub(t *testing.T, env ...string) *deployment {
	t.Helper()
	s := newStand(t)
	hub := s.hub(t)
	hub.set("PL_LOG_LEVEL=debug", "PL_LOG_FORMAT=json")
	hub.set(env...)
	d := &deployment{stand: s, t: t, broker: hub, services: map[string]*program{}, dbs: map[string]*database.DB{}}
	for _, name := range services {
		d.services[name] = hub
	}
	hub.startReady()
	d.connect()
	return d
}

// connect opens what the test itself looks at: the broker and the databases.
func (d *deployment) connect() {
	d.t.Helper()
	var err error
	if d.raw, err = kgo.NewClient(kgo.SeedBrokers(d.kafka())); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.raw.Close)
	d.admin = kadm.NewClient(d.raw)
	for _, name := range services {
		d.dbs[name] = d.database(name)
	}
}

// startBroker starts the broker and waits until it answers.
func (d *deployment) startBroker() {
	d.t.Helper()
	d.broker.start()
	url := "http://" + d.broker.setting("PL_EMBEDDED_REGISTRY_ADDR") + "/subjects"
	await(d.t, 20*time.Second, func() error { _, _, err := get(d.t.Context(), url); return err })
}

func (d *deployment) path(context string) string {
	return filepath.Join(d.dir, "data", context+".db")
}

func (d *deployment) database(context string) *database.DB {
	d.t.Helper()
	var db *database.DB
	var err error
	if url := d.urls[context]; url != "" {
		db, err = postgres.Open(d.t.Context(), url)
	} else {
		db, err = sqlite.Open(d.t.Context(), d.path(context))
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { db.Close() })
	return db
}

// sql opens a context's database without the platform.
func (d *deployment) sql(context, options string) *sql.DB {
	d.t.Helper()
	driver, source := "sqlite", "file:"+d.path(context)+"?_busy_timeout=10000"+options
	if url := d.urls[context]; url != "" {
		driver, source = "pgx", url+"&default_query_exec_mode=simple_protocol"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		d.t.Fatal(err)
	}
	return db
}

func (d *deployment) campus() *campus {
	return newCampus(d.t, func(context string) string { return d.services[context].url() })
}

// quiet waits until every outbox is published and every consumer has applied
// all that its topics hold.
func (d *deployment) quiet(within time.Duration) {
	d.t.Helper()
	await(d.t, within, func() error {
		for _, name := range services {
			left, err := outbox.Unpublished(d.t.Context(), d.dbs[name])
			if err != nil || left > 0 {
				return fmt.Errorf("%s has %d events to publish: %w", name, left, err)
			}
		}
		return d.lag()
	})
}

func (d *deployment) lag() error {
	var errs []error
	for _, name := range services {
		positions, err := tx.Positions(d.t.Context(), d.dbs[name])
		if err != nil {
			return err
		}
		for _, p := range positions {
			end, err := d.end(p.Topic, p.Partition)
			if err != nil {
				return err
			}
			if p.Next < end {
				errs = append(errs, fmt.Errorf("%s is at %d of %d", p.Position, p.Next, end))
			}
		}
	}
	return errors.Join(errs...)
}

func (d *deployment) end(topic string, partition int32) (int64, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Second)
	defer cancel()
	listed, err := d.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	offset, ok := listed.Lookup(topic, partition)
	if !ok || offset.Err != nil {
		return 0, fmt.Errorf("end of %s/%d: %w", topic, partition, offset.Err)
	}
	return offset.Offset, nil
}

// recordsIn returns how many records a topic holds.
func (d *deployment) recordsIn(topic string) int {
	d.t.Helper()
	return sum(endOffsets(d.t, d.raw, topic))
}

// writing keeps everybody else from writing a context's database, until the
// returned function is called.
func (d *deployment) writing(context string) (release func()) {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.path(context)+"?_busy_timeout=10000")
	if err != nil {
		d.t.Fatal(err)
	}
	conn, err := db.Conn(d.t.Context())
	if err == nil {
		_, err = conn.ExecContext(d.t.Context(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		d.t.Fatalf("lock the database of %s: %v", context, err)
	}
	return func() {
		_, err := conn.ExecContext(d.t.Context(), "ROLLBACK")
		if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
			d.t.Errorf("release the database of %s: %v", context, err)
		}
	}
}

// exec runs a statement on a context's database.
func (d *deployment) exec(context, query string) {
	d.t.Helper()
	db := d.sql(context, "")
	_, err := db.ExecContext(d.t.Context(), query)
	if err := errors.Join(err, db.Close()); err != nil {
		d.t.Fatalf("%s: %v", context, err)
	}
}

// each runs a query on a context's database and calls f for each row.
func (d *deployment) each(context, query string, f func(rows *sql.Rows) error) {
	d.t.Helper()
	db := d.sql(context, "&_query_only=1")
	defer db.Close()
	rows, err := db.QueryContext(d.t.Context(), query)
	if err != nil {
		d.t.Fatalf("%s: %v", context, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			d.t.Fatalf("%s: %v", context, err)
		}
	}
	if err := rows.Err(); err != nil {
		d.t.Fatalf("%s: %v", context, err)
	}
}
