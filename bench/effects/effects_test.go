// Package effects measures exactly-once effects from end to end: a context
// that does one insert and publishes one event for every event that it
// consumes, through the real broker protocol, router, transaction and relay.
//
//	go test ./bench/effects -run TestEffects -v -events 200000
package effects

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	notificationv1event "github.com/pulselearn/campus-hub/gen/event/notification/v1"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/registry"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/notification"
	"github.com/pulselearn/campus-hub/services/notification/migrations"
)

var events = flag.Int("events", 1000, "how many events each run consumes")

func TestMain(m *testing.M) { pgtest.MainDurable(m) }

// A load is what the events of a run are like.
type load struct {
	name string
	hot  float64 // share of the events that have one key in common
	fail float64 // share of the events whose handler fails once
	size int     // how many events there are
}

func TestEffects(t *testing.T) {
	for _, engine := range []string{"postgres", "sqlite"} {
		for _, l := range []load{{name: "plain"}, {name: "1 % fail once", fail: 0.01}, {name: "half with one key", hot: 0.5}} {
			l.size = *events
			t.Run(engine+"/"+l.name, func(t *testing.T) {
				r := newRun(t, engine, l)
				took := r.measure()
				t.Logf("report: effects %s, %s: %d events in %s: %.0f/s", engine, l.name, l.size, took.Round(time.Millisecond),
					float64(l.size)/took.Seconds())
			})
		}
	}
}

// A run is one broker, one registry and one process with one consumer.
type run struct {
	*testing.T
	load
	cfg     *service.Config
	engines service.Engines
	conn    driver.Conn
	watch   *latencies // what handlers are timed by, or nil
	admin   *kadm.Client
	ids     *schema.IDs
}

func newRun(t *testing.T, engine string, l load) *run {
	r := &run{T: t, load: l}
	addr := r.broker()
	url := r.registry()
	r.cfg = &service.Config{
		KafkaBrokers: []string{addr}, RegistryURL: url, DataDir: t.TempDir(), Provision: service.On, DrainTimeout: time.Minute,
		Calls:         map[string]string{"userprofile": "http://127.0.0.1:9"}, // nobody calls it
		ServiceSecret: strings.Repeat("s", identity.MinSecret),
	}
	if engine == "postgres" {
		r.cfg.DatabaseURL = pgtest.URL(t)
	}
	r.engines = service.Engines{
		OpenSQLite:   func(ctx context.Context, path string) (*database.DB, error) { return sqlite.Open(ctx, path) },
		OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
	}
	r.connect(addr, url)
	r.publish()
	return r
}

func (r *run) broker() string {
	b, err := kafka.Start(r.Context(), kafka.Options{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	r.must("start the broker", err)
	r.Cleanup(func() { _ = b.Close() })
	return b.Addr()
}

func (r *run) registry() string {
	opened, err := registry.Open(r.TempDir(), registry.Options{})
	r.must("start the registry", err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must("listen", err)
	server := &http.Server{Handler: opened.Handler()}
	go func() { _ = server.Serve(l) }()
	r.Cleanup(func() { _ = server.Close(); _ = opened.Close() })
	return "http://" + l.Addr().String()
}

func (r *run) connect(addr, url string) {
	var err error
	r.conn, err = kafkabus.Open(kafkabus.Config{Brokers: []string{addr}, ClientID: "load"})
	r.must("connect", err)
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	r.must("connect", err)
	r.Cleanup(func() { client.Close(); _ = r.conn.Close() })
	r.admin = kadm.NewClient(client)
	reg, err := r.engines.Registry(url)
	r.must("registry", err)
	r.ids = schema.NewIDs(reg, true)
}

// publish fills the topic with what the run consumes.
func (r *run) publish() {
	t := achievementv1event.BadgeAwardedType
	r.must("create the topic", r.conn.EnsureTopics(r.Context(), []driver.Topic{{Name: t.Topic, Partitions: t.Partitions, Retention: t.Retention}}))
	r.must("register the schema", r.ids.Resolve(r.Context(), t))
	const atOnce = 1000
	for n := 0; n < r.size; n += atOnce {
		batch := make([]*driver.Record, min(atOnce, r.size-n))
		for i := range batch {
			batch[i] = r.record(n + i)
		}
		r.must("publish", r.conn.Publish(r.Context(), batch))
	}
}

func (r *run) record(n int) *driver.Record {
	student := fmt.Sprintf("student-%d", n%5000)
	if float64(n%100) < r.hot*100 {
		student = "student-hot"
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	badge := badge(student)
	t := badge.EventType()
	id, _ := r.ids.ID(t.Fingerprint)
	value, err := badge.AppendBinary(schema.AppendFrame(nil, id))
	r.must("encode", err)
	e := event.Envelope{
		ID: event.NewID(), Source: t.Source(), Type: t.Topic, Subject: badge.EventSubject(), Time: now,
		DataContentType: event.ContentTypeAvro,
	}
	return &driver.Record{
		Topic: t.Topic, Key: []byte(badge.EventKey()), Value: value, Time: now, Headers: event.AppendKafkaHeaders(nil, &e),
	}
}

func badge(student string) *achievementv1event.BadgeAwarded {
	return &achievementv1event.BadgeAwarded{
		BadgeID: event.NewID(), StudentID: student, Kind: "ACE", Title: "Ace of algebra", Points: 50,
	}
}

// app is the context notification with the one consumer that is measured.
func (r *run) app() *service.App {
	all := service.New("notification")
	notificationservice.Register(all, notification.New(), migrations.Files)
	app := service.New("notification")
	for _, d := range all.Definitions() {
		var kept []tx.Consumer
		for _, c := range d.Consumers {
			if c.Type == achievementv1event.BadgeAwardedType {
				c.Handle = r.failing(c.Handle)
				kept = append(kept, c)
			}
		}
		d.Consumers = kept
		app.Add(d)
	}
	return app
}

// failing makes the handler fail at the first attempt for some events, which
// are the same in every run of the handler.
func (r *run) failing(handle tx.Handler) tx.Handler {
	return func(ctx context.Context, t *tx.Tx, m event.Message) error {
		if d := bus.DeliveryFrom(ctx); d.Attempt == 1 && share(d.Event.ID) < r.fail {
			return fmt.Errorf("event %s fails once", d.Event.ID)
		}
		if r.watch != nil {
			r.watch.handled(ctx)
		}
		return handle(ctx, t, m)
	}
}

func share(id string) float64 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return float64(h.Sum32()%10000) / 10000
}

// measure runs the process until every event has had its effect, and what the
// effect published is at the broker.
func (r *run) measure() time.Duration {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Minute)
	defer cancel()
	start := time.Now()
	p, err := service.Start(ctx, r.app(), r.cfg, r.engines, nil)
	r.must("start", err)
	defer func() { r.must("drain", p.Drain(context.WithoutCancel(ctx))) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for r.published(ctx) < int64(r.size) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.Fatalf("%d of %d effects after %s", r.published(r.Context()), r.size, time.Since(start))
		}
	}
	return time.Since(start)
}

func (r *run) published(ctx context.Context) (n int64) {
	ends, err := r.admin.ListEndOffsets(ctx, notificationv1event.NotificationCreatedType.Topic)
	if err != nil {
		return 0
	}
	ends.Each(func(o kadm.ListedOffset) { n += max(o.Offset, 0) })
	return n
}

func (r *run) must(what string, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}
