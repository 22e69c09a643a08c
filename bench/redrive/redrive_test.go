// Package redrive fills the hold of a consumer with dead letters and redrives
// them at a set rate as a person on call does, with pl-gen against the admin API
// of a running process. Then it checks that no letter had its effect twice, that
// no key left its order, that the rate was kept, and that memory stayed flat.
//
//	go test ./bench/redrive -run TestRedrive -v -timeout 0 -letters 1000000 -rate 5000 -engine sqlite
package redrive

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect/v2"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
)

var (
	letters = flag.Int("letters", 2000, "how many dead letters there are")
	rate    = flag.Int("rate", 2000, "how many are redriven a second")
	engine  = flag.String("engine", "sqlite", "sqlite or postgres")
)

func TestMain(m *testing.M) { pgtest.MainDurable(m) }

const (
	consumer = "notification.OnBadgeAwarded"
	// perKey is how many letters each key has: each waits for those before it.
	perKey = 10
)

func TestRedrive(t *testing.T) {
	r := &run{T: t, plgen: build(t)}
	r.configure()
	r.start() // which makes the tables, the topic and the positions
	r.drain()
	filled := time.Now()
	r.fill()
	t.Logf("report: %d dead letters of %d keys written in %s", *letters, keys(), time.Since(filled).Round(time.Second))
	r.start()
	defer r.drain()

	watch := r.watch()
	begin := time.Now()
	r.redrive()
	took := time.Since(begin)
	memory := watch()
	t.Logf("report: %s, %d letters at %d/s: %s, %.0f/s in all; heap %s", *engine, *letters, *rate,
		took.Round(100*time.Millisecond), float64(*letters)/took.Seconds(), memory)
	r.check()
	r.checkRate()
	memory.check(t)
}

func keys() int { return (*letters + perKey - 1) / perKey }

// A run is one process, its database, and a pl-gen.
type run struct {
	*testing.T
	plgen   string
	cfg     *service.Config
	app     *service.App
	process *service.Process
}

func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pl-gen")
	cmd := exec.Command("go", "build", "-o", path, "./tools/pl-gen")
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build pl-gen: %v\n%s", err, text)
	}
	return path
}

func (r *run) configure() {
	r.Helper()
	settings := []string{
		"PL_HTTP_ADDR=127.0.0.1:0", "PL_OIDC_ISSUER=http://127.0.0.1:9", "PL_ADMIN_ADDR=" + loopback.Must(r), "PL_EMBEDDED_KAFKA_ADDR=" + loopback.Must(r), "PL_EMBEDDED_REGISTRY_ADDR=" + loopback.Must(r),
		"PL_DATA_DIR=" + r.TempDir(),
	}
	if *engine == "postgres" {
		settings = append(settings, "PL_DATABASE_URL_NOTIFICATION="+pgtest.URL(r.T))
	}
	cfg, err := service.LoadConfig(settings)
	if err != nil {
		r.Fatal(err)
	}
	r.cfg = cfg
}

func (r *run) start() {
	r.Helper()
	r.app = service.New("redrive")
	r.app.Add(r.context())
	process, err := service.Start(r.Context(), r.app, r.cfg, service.Engines{
		OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		},
	}, nil)
	if err != nil {
		r.Fatal(err)
	}
	r.process = process
	for range 3000 { // a hold that is full makes the process unready
		if db := r.open(); r.claimed(db) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	r.Fatal("the consumer has not claimed its partitions")
}

func (r *run) claimed(db *database.DB) bool {
	defer db.Close()
	positions, err := tx.Positions(r.Context(), db)
	return err == nil && len(positions) == int(achievementv1event.BadgeAwardedType.Partitions)
}

func (r *run) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.process.Drain(ctx); err != nil {
		r.Errorf("drain: %v", err)
	}
}

func (r *run) context() service.Definition {
	migrations := fstest.MapFS{
		"sqlite/0001_effects.sql":   {Data: []byte(`CREATE TABLE effect (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, student TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL)`)},
		"postgres/0001_effects.sql": {Data: []byte(`CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event text NOT NULL, student text NOT NULL, number integer NOT NULL, at bigint NOT NULL)`)},
	}
	return service.Definition{
		Context: "notification", Publishes: []*event.Type{achievementv1event.BadgeAwardedType}, Migrations: migrations,
		Consumers: []tx.Consumer{{
			Route: bus.Route{Consumer: consumer, Type: achievementv1event.BadgeAwardedType, New: func() event.Message { return new(achievementv1event.BadgeAwarded) }},
			Handle: func(ctx context.Context, t *tx.Tx, m event.Message) error {
				badge := m.(*achievementv1event.BadgeAwarded)
				_, err := t.Conn().ExecContext(ctx, `INSERT INTO effect (event, student, number, at) VALUES ($1, $2, $3, $4)`,
					bus.DeliveryFrom(ctx).Event.ID, badge.StudentID, badge.Points, time.Now().UnixMilli())
				return err
			},
		}},
		Methods: func(*connect.Server, *rpc.Core, *rpc.Directory) {},
	}
}

func (r *run) open() *database.DB {
	r.Helper()
	var db *database.DB
	var err error
	if url := r.cfg.DatabaseURLs["notification"]; url != "" {
		db, err = postgres.Open(r.Context(), url)
	} else {
		db, err = sqlite.Open(r.Context(), filepath.Join(r.cfg.DataDir, "notification.db"))
	}
	if err != nil {
		r.Fatal(err)
	}
	return db
}

// fill writes the letters as their owner would have, each key's numbers in the
// order of its offsets.
func (r *run) fill() {
	r.Helper()
	db := r.open()
	defer db.Close()
	id := r.schemaID()
	partitions := int(achievementv1event.BadgeAwardedType.Partitions)
	offsets := make([]int64, partitions)
	rows := make([][]hold.Row, partitions)
	for n := range *letters {
		key := n % keys()
		p := key % partitions
		rows[p] = append(rows[p], letter(id, key, n/keys(), int32(p), offsets[p]))
		offsets[p]++
		if len(rows[p]) == 1000 || n >= *letters-partitions {
			r.insert(db, int32(p), rows[p])
			rows[p] = nil
		}
	}
	for p := range rows {
		r.insert(db, int32(p), rows[p])
	}
	if *engine == "postgres" { // as the server does by itself within a minute
		if err := db.InTx(r.Context(), analyze); err != nil {
			r.Fatal(err)
		}
	}
}

func analyze(u *database.Unit) error {
	_, err := u.ExecContext(context.Background(), `ANALYZE pl_hold`)
	return err
}

func (r *run) insert(db *database.DB, p int32, rows []hold.Row) {
	r.Helper()
	if len(rows) == 0 {
		return
	}
	owner := hold.Owner{DB: db, Position: bus.Position{Consumer: consumer, Topic: achievementv1event.BadgeAwardedTopic, Partition: p}}
	err := db.InTx(r.Context(), func(u *database.Unit) error {
		_, err := owner.Insert(r.Context(), u, rows)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

func letter(schemaID, key, number int, p int32, offset int64) hold.Row {
	student := fmt.Sprintf("student-%d", key)
	now := database.Now()
	badge := achievementv1event.BadgeAwarded{
		StudentID: student, BadgeID: "00000000-0000-4000-8000-000000000000", Kind: achievementv1event.BadgeKindAce, Title: "Ace",
		Points: int32(number), SourceID: "quiz", AwardedOn: now, OccurredAt: now,
	}
	value, err := badge.AppendBinary(schema.AppendFrame(nil, schemaID))
	if err != nil {
		panic(err) // the badge is well formed
	}
	e := event.Envelope{ID: event.NewID(), Source: "/pulselearn/achievement", Type: achievementv1event.BadgeAwardedTopic, Time: now, DataContentType: event.ContentTypeAvro}
	return hold.Row{
		ID:  hold.ID{Position: bus.Position{Consumer: consumer, Topic: achievementv1event.BadgeAwardedTopic, Partition: p}, Offset: offset},
		Key: []byte(student), Blocks: true, State: hold.Dead, Attempts: 15, Cause: "the mail server is down", Signature: "the mail server is down",
		Value: value, Headers: event.AppendKafkaHeaders(nil, &e), RecordTime: now, EventID: e.ID, EventSource: e.Source,
		FirstFailedAt: now, LastFailedAt: now, HeldAt: now,
	}
}

// schemaID is the id that the embedded registry gave the schema at the start;
// the process has the only one.
func (r *run) schemaID() int { return 1 }

// redrive runs pl-gen until everything is done.
func (r *run) redrive() {
	r.Helper()
	cmd := exec.Command(r.plgen, "dlq", "redrive", "--all", "--reason", "benchmark", "--rate", fmt.Sprintf("%d/s", *rate), "--format", "json")
	cmd.Env = append(os.Environ(), "PL_ADMIN_URL=http://"+r.cfg.AdminAddr, "PL_ACTOR=benchmark")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		r.Fatalf("redrive: %v\n%s%s", err, out.String(), errs.String())
	}
	var results map[string]struct {
		Redriven        int   `json:"redriven"`
		Waiting, Failed int64 `json:"-"`
	}
	if err := json.Unmarshal(out.Bytes(), &results); err != nil || results["notification"].Redriven != *letters {
		r.Errorf("redrive: %v, %s", err, out.String())
	}
}

// check looks for effects that are missing, come twice, or are out of order.
func (r *run) check() {
	r.Helper()
	db := r.open()
	defer db.Close()
	for what, query := range map[string]string{
		"effects are missing or too many":         fmt.Sprintf(`SELECT count(*) - %d FROM effect`, *letters),
		"events had an effect more than once":     `SELECT count(*) FROM (SELECT event FROM effect GROUP BY event HAVING count(*) > 1) AS d`,
		"effects came before one of lower number": `SELECT count(*) FROM (SELECT number, lag(number, 1, -1) OVER (PARTITION BY student ORDER BY n) AS before FROM effect) AS o WHERE number <> before + 1`,
		"letters are left":                        `SELECT count(*) FROM pl_hold`,
	} {
		var n int64
		if _, err := database.Scan(r.Context(), db.Reading(), query, nil, &n); err != nil || n != 0 {
			r.Errorf("%d %s (%v)", n, what, err)
		}
	}
}

// checkRate compares the effects of each ten seconds with the rate. What waits
// for its turn may come a little later, and then a little more at once.
func (r *run) checkRate() {
	r.Helper()
	const span = 10
	db := r.open()
	defer db.Close()
	err := database.Each(r.Context(), db.Reading(), `SELECT at / 10000 AS span, count(*) FROM effect GROUP BY span ORDER BY span`, nil, func(rows *sql.Rows) error {
		var at, n int64
		err := rows.Scan(&at, &n)
		if most := int64(*rate) * (span + 2); n > most {
			r.Errorf("%d effects in ten seconds at a rate of %d/s", n, *rate)
		}
		return err
	})
	if err != nil {
		r.Error(err)
	}
}

// A profile is the size of the heap over time, after collections.
type profile []uint64

func (p profile) String() string {
	if len(p) == 0 {
		return "not sampled"
	}
	return fmt.Sprintf("%d MiB in the first quarter, %d MiB in the last", p.peak(0)>>20, p.peak(3)>>20)
}

// peak is the largest sample of a quarter of the run.
func (p profile) peak(quarter int) (most uint64) {
	for _, n := range p[quarter*len(p)/4 : max((quarter+1)*len(p)/4, min(1, len(p)))] {
		most = max(most, n)
	}
	return most
}

// check fails when the heap has grown.
func (p profile) check(t *testing.T) {
	t.Helper()
	if len(p) < 20 {
		return // too short to say
	}
	if first, last := p.peak(0), p.peak(3); last > first+first/2+(32<<20) {
		t.Errorf("the heap has grown: %s", p)
	}
}

// watch samples the heap every second until the returned function is called.
func (r *run) watch() (end func() profile) {
	var samples profile
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				samples = append(samples, m.HeapAlloc)
			case <-stop:
				return
			}
		}
	}()
	return func() profile {
		close(stop)
		<-done
		return samples
	}
}
