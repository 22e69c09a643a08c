// Package platformtest runs contexts in tests as they run in production: a
// broker, a Schema Registry, a database each, the outbox, the inbox and the
// calls are the real ones. All of it lives in one testing/synctest bubble, so
// time is virtual: six hours of back-off pass in a moment, and a test never
// waits longer than its machine computes.
//
//	func TestAceEarnsABadge(t *testing.T) {
//		platformtest.Run(t, register, func(h *platformtest.Harness) {
//			h.Given(&quizv1event.QuizCompleted{StudentID: "ada", Score: 1})
//			badge := platformtest.One[*achievementv1event.BadgeAwarded](h)
//			if badge.StudentID != "ada" { … }
//		})
//	}
//
// where register adds the context under test to an app:
//
//	func register(app *service.App) {
//		achievementservice.Register(app, achievement.New(), migrations.Files)
//	}
//
// A test sees what other contexts see: it publishes the events that they
// would ([Harness.Given]), calls the API as they would ([Harness.Client]), and
// reads what was published ([Published], [One]).
//
// It can make things go wrong meanwhile: the broker is away
// ([Harness.CutBroker]), publishes, commits and calls are refused, lost or stuck
// ([Harness.BreakPublish], [Harness.BreakCommit], [Harness.BreakCall]), tables
// take no rows ([Harness.BreakTable]), a database is busy
// ([Harness.LockDatabase]), and events come again, out of order ([Repeat]).
// [Harness.Mend] ends all of that:
//
//	h.BreakCall(coursev1connect.CourseServiceActivateAccessProcedure, platformtest.Lost, platformtest.Always)
//	h.Given(&paymentv1event.Captured{…})
//	h.Advance(6 * time.Hour)
//	h.Mend()
//	h.Quiet()
package platformtest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/service"
)

// Addresses in the harness's own network; they belong to no machine.
const (
	kafkaAddr    = "127.0.0.1:9092"
	registryAddr = "127.0.0.1:8081"
)

// idle is how often the process's consumers stir when there is nothing to do,
// so that hours without events cost little.
const idle = time.Minute

// startWithin and drainWithin bound the process's start and end, in virtual
// time.
const (
	startWithin = time.Minute
	drainWithin = time.Minute
)

// A Harness is one test's running platform. Its methods are called by the
// test's own goroutine; they end the test when something does not work.
type Harness struct {
	// T is the test inside the bubble.
	T *testing.T

	app     *service.App
	engines service.Engines
	cfg     *service.Config
	process *service.Process
	network *kafka.Network
	conn    driver.Conn
	raw     *kgo.Client
	admin   *kadm.Client
	ids     *schema.IDs
	log     *recorder
	dbs     map[string]*database.DB
	given   map[string]bool // ids of the events that the test itself published
	fuse    *fuse           // kills the process; nil when nothing does
	faults  faults
}

// Run starts the contexts that register adds, runs the test, and ends them.
// The test may be parallel to others.
func Run(t *testing.T, register func(app *service.App), test func(h *Harness)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, register)
		h.configure(dir)
		h.start()
		defer h.close()
		test(h)
	})
}

func newHarness(t *testing.T, register func(app *service.App)) *Harness {
	h := &Harness{T: t, app: service.New("test"), network: new(kafka.Network),
		log: &recorder{out: t.Output()}, given: map[string]bool{}, dbs: map[string]*database.DB{}}
	register(h.app)
	return h
}

func (h *Harness) configure(dir string) {
	h.cfg = &service.Config{
		EmbeddedKafkaAddr: kafkaAddr, EmbeddedRegistryAddr: registryAddr,
		DataDir: dir, Provision: service.On, DrainTimeout: drainWithin,
	}
	h.engines = service.Engines{
		OpenPostgres: postgres.Open,
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log, Listen: h.network.Listen})
		},
		Listen: h.network.Listen, Dial: h.network.Dial,
	}
	h.faults.install(h)
}

func (h *Harness) start() {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(h.T.Context(), startWithin)
	defer cancel()
	process, err := service.Start(ctx, h.app, h.cfg, h.engines, h.log.logger())
	h.must("start the process", err)
	h.process = process
	h.must("connect to the broker", h.connect())
	h.must("wait until the process is ready", process.AwaitReady(ctx))
	h.settle()
}

// settle waits until every partition has been claimed and is fetched, so that
// what a test publishes is delivered at once.
func (h *Harness) settle() {
	h.T.Helper()
	deadline := time.Now().Add(startWithin)
	for h.unclaimed() > 0 {
		if time.Now().After(deadline) {
			h.T.Fatalf("%d partitions are not claimed after %s", h.unclaimed(), startWithin)
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Advance(idle / 20)
}

func (h *Harness) connect() (err error) {
	h.conn, err = h.engines.DialKafka(h.T.Context(), service.Kafka{Brokers: []string{kafkaAddr}, Client: ownClient, Log: h.log.logger()})
	if err != nil {
		return err
	}
	h.raw, err = kgo.NewClient(kgo.SeedBrokers(kafkaAddr), kgo.Dialer(h.network.Dial))
	if err != nil {
		return err
	}
	h.admin = kadm.NewClient(h.raw)
	registry, err := h.engines.Registry("http://" + registryAddr)
	if err != nil {
		return err
	}
	h.ids = schema.NewIDs(registry, true)
	for _, d := range h.app.Definitions() {
		path := filepath.Join(h.cfg.DataDir, d.Context+".db")
		if h.dbs[d.Context], err = sqlite.Open(h.T.Context(), path); err != nil {
			return err
		}
	}
	return nil
}

// close ends the process as SIGTERM does. A process that does not end cleanly
// fails the test.
func (h *Harness) close() {
	h.T.Helper()
	h.Mend()
	h.disconnect()
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if h.process != nil {
		h.check("drain the process", h.process.Drain(ctx))
	}
}

// disconnect closes what the harness itself has open.
func (h *Harness) disconnect() {
	h.T.Helper()
	for _, db := range h.dbs {
		h.check("close a database", db.Close())
	}
	if h.raw != nil {
		h.raw.Close()
	}
	if h.conn != nil {
		h.check("disconnect from the broker", h.conn.Close())
	}
}

// Restart ends the process as SIGTERM does and starts it again with what it
// has stored.
func (h *Harness) Restart() {
	h.T.Helper()
	h.close()
	h.start()
}

// Client returns a client of one of the contexts, for its generated client,
// whose calls are made by as: [Student], [Teacher], [Admin], [Context], or
// nobody that is known, the zero [identity.Caller]. They are let in or refused
// as the contract says. Commands carry an Idempotency-Key, as those of other
// contexts do.
func (h *Harness) Client(context string, as identity.Caller) *connect.Client {
	return h.client(context, as)
}

// Advance lets d pass.
func (h *Harness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Log returns what the process has logged so far, one record a line, from
// level Info on.
func (h *Harness) Log() string { return h.log.String() }

func (h *Harness) must(what string, err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatalf("%s: %v", what, err)
	}
}

func (h *Harness) check(what string, err error) {
	h.T.Helper()
	if err != nil {
		h.T.Errorf("%s: %v", what, err)
	}
}
