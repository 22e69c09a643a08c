package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/rogpeppe/go-internal/testscript"

	achievementv1event "github.com/pulselearn/campus-hub/gen/event/achievement/v1"
	quizv1event "github.com/pulselearn/campus-hub/gen/event/quiz/v1"
	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/rpc"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A campus is two contexts in one process, as the person on call meets them:
// achievement publishes badges, notification writes a notice for each, and one
// event in between that leads to another.
type campus struct {
	process *service.Process
	kafka   *kafka.Broker
	admin   *admin.Client
	broker  driver.Conn
	core    *rpc.Core
	broken  atomic.Pointer[string] // why the handler fails; nil when it works
	cutOff  bool                   // the broker was stopped
}

const (
	operator   = "operator@test"
	adminToken = "a-token-for-the-tests-of-commands"
)

// TestOperations runs testdata/operations: each script has a process of its own
// with an embedded broker, a registry and SQLite.
func TestOperations(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/operations",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			c, url, err := startCampus(env)
			if err != nil {
				return err
			}
			env.Values["campus"] = c
			env.Setenv("PL_ADMIN_URL", url)
			env.Setenv("PL_ADMIN_TOKEN", adminToken)
			env.Setenv("PL_ACTOR", operator)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "award": award, "garbage": garbage, "break": breakHandler, "heal": heal, "await": awaitState, "scrub": scrub, "notices": notices, "published": published, "stop-broker": stopBroker, "documented": documented, "instance": instance,
		},
	})
}

func startCampus(env *testscript.Env) (*campus, string, error) {
	c := &campus{}
	app := service.New("campus")
	app.Add(service.Definition{
		Context: "achievement", Publishes: []*event.Type{achievementv1event.BadgeAwardedType}, Migrations: fstest.MapFS{},
		Methods: func(_ *connect.Server, core *rpc.Core, _ *rpc.Directory) { c.core = core },
	})
	if strings.HasSuffix(env.WorkDir, "saga") {
		app.Add(c.thanks())
	} else {
		app.Add(c.notification())
	}
	ports := [3]string{loopback.Must(env.T()), loopback.Must(env.T()), loopback.Must(env.T())}
	cfg, err := service.LoadConfig([]string{
		"PL_HTTP_ADDR=127.0.0.1:0", "PL_ADMIN_ADDR=" + ports[0], "PL_ADMIN_TOKEN=" + adminToken,
		"PL_EMBEDDED_KAFKA_ADDR=" + ports[1], "PL_EMBEDDED_REGISTRY_ADDR=" + ports[2], "PL_DATA_DIR=" + env.WorkDir + "/data",
		"PL_OIDC_ISSUER=http://127.0.0.1:1", // nobody shows a token
	})
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	c.process, err = service.Start(ctx, app, cfg, service.Engines{
		OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (_ service.Broker, err error) {
			c.kafka, err = kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
			return c.kafka, err
		},
	}, quiet)
	if err != nil {
		return nil, "", err
	}
	env.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.broker.Close()
		if err := c.process.Drain(ctx); err != nil && !c.cutOff {
			env.T().Log("drain: ", err)
		}
	})
	url := "http://" + ports[0]
	c.admin, err = admin.NewClient(url, adminToken, "the test")
	if err == nil {
		c.broker, err = kafkabus.Open(kafkabus.Config{Brokers: []string{ports[1]}, Logger: quiet})
	}
	return c, url, errors.Join(err, c.process.AwaitReady(ctx))
}

func (c *campus) notification() service.Definition {
	const notices = `CREATE TABLE notice (id TEXT PRIMARY KEY, student TEXT NOT NULL)`
	return service.Definition{
		Context: "notification", Publishes: []*event.Type{quizv1event.QuizCompletedType},
		Consumers: []tx.Consumer{{
			Route: bus.Route{
				Consumer: "notification.OnBadgeAwarded", Type: achievementv1event.BadgeAwardedType,
				New: func() event.Message { return new(achievementv1event.BadgeAwarded) }, Retry: bus.RetryPolicy{Attempts: 1},
			},
			Handle: c.onBadgeAwarded,
		}},
		Migrations: fstest.MapFS{"sqlite/0001_notices.sql": {Data: []byte(notices)}, "postgres/0001_notices.sql": {Data: []byte(notices)}},
		Methods:    func(*connect.Server, *rpc.Core, *rpc.Directory) {},
	}
}

func (c *campus) onBadgeAwarded(ctx context.Context, t *tx.Tx, m event.Message) error {
	badge := m.(*achievementv1event.BadgeAwarded)
	if badge.Points < 0 {
		return bus.Reject(fmt.Errorf("badge %s has %d points", badge.BadgeID, badge.Points))
	}
	if why := c.broken.Load(); why != nil {
		return fmt.Errorf("write the notice of badge %s: %s", badge.BadgeID, *why)
	}
	_, err := t.Conn().ExecContext(ctx, `INSERT INTO notice (id, student) VALUES ($1, $2)`, t.NewID(), badge.StudentID)
	return err
}

// thanks runs a saga for each student with a badge: a letter, whose failure stops
// nothing.
func (c *campus) thanks() service.Definition {
	letter := &saga.Call{
		Procedure:  "/pl.mail.v1.MailService/SendLetter",
		NewRequest: func() proto.Message { return new(emptypb.Empty) },
		Request: func(context.Context, proto.Message, *saga.Failure) (proto.Message, error) {
			return new(emptypb.Empty), nil
		},
		Do: func(context.Context, string, proto.Message) (proto.Message, error) {
			if why := c.broken.Load(); why != nil {
				return nil, connect.NewError(connect.CodeFailedPrecondition, *why)
			}
			return new(emptypb.Empty), nil
		},
	}
	route := bus.Route{
		Consumer: "thanks.BeginThank", Type: achievementv1event.BadgeAwardedType,
		New: func() event.Message { return new(achievementv1event.BadgeAwarded) },
	}
	thank := saga.Definition{
		Name: "Thank", Context: "thanks", Deadline: time.Hour, NewState: func() proto.Message { return new(emptypb.Empty) },
		Start: saga.Event{Route: route, Key: func(e event.Message) string { return e.EventKey() }},
		Steps: []saga.Step{{Name: "letter", Call: letter, Continue: true, Retry: bus.RetryPolicy{Attempts: 1}}},
	}
	return service.Definition{
		Context: "thanks", Consumers: saga.Consumers(thank), Migrations: fstest.MapFS{},
		Sagas:   func(*rpc.Directory) []saga.Definition { return []saga.Definition{thank} },
		Methods: func(*connect.Server, *rpc.Core, *rpc.Directory) {},
	}
}

func campusOf(ts *testscript.TestScript) *campus { return ts.Value("campus").(*campus) }

// award STUDENT POINTS... publishes a badge for each number of points.
func award(ts *testscript.TestScript, _ bool, args []string) {
	c := campusOf(ts)
	name := "Ada Lovelace"
	for i, text := range args[1:] {
		points, err := strconv.Atoi(text)
		ts.Check(err)
		badge := &achievementv1event.BadgeAwarded{
			StudentID: args[0], StudentName: &name, BadgeID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
			Kind: achievementv1event.BadgeKindAce, Title: "Ace", Points: int32(points), SourceID: "quiz-1",
			AwardedOn: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), OccurredAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC),
		}
		_, err = c.core.Command(context.Background(), "/test/Award", &emptypb.Empty{}, &emptypb.Empty{}, func(ctx context.Context, t *tx.Tx) (proto.Message, error) {
			return &emptypb.Empty{}, t.Publish(ctx, badge)
		})
		ts.Check(err)
	}
}

// garbage KEY publishes a record that is no event.
func garbage(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(campusOf(ts).broker.Publish(context.Background(), []*driver.Record{{
		Topic: achievementv1event.BadgeAwardedTopic, Key: []byte(args[0]), Value: []byte("not an event"), Time: time.Now(),
	}}))
}

// break WHY makes the handler fail; heal makes it work.
func breakHandler(ts *testscript.TestScript, _ bool, args []string) {
	why := strings.Join(args, " ")
	campusOf(ts).broken.Store(&why)
}

func heal(ts *testscript.TestScript, _ bool, _ []string) { campusOf(ts).broken.Store(nil) }

// await STATE N waits until N letters have the state, and await lag 0 until
// everything has been fetched and nothing waits in the outbox.
func awaitState(ts *testscript.TestScript, _ bool, args []string) {
	c := campusOf(ts)
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	deadline := time.Now().Add(20 * time.Second)
	for {
		got, err := c.measure(args[0])
		ts.Check(err)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is %d after 20 s, want %d", args[0], got, want)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (c *campus) measure(what string) (n int64, err error) {
	ctx := context.Background()
	if status, ok := strings.CutPrefix(what, "saga-"); ok {
		list, err := c.admin.Sagas(ctx, admin.SagaFilter{Context: "thanks"}, 100)
		for _, s := range list {
			if s.Status == status || status == "parked" && s.Parked > 0 {
				n++
			}
		}
		return n, err
	}
	if what != "lag" {
		groups, err := c.admin.Groups(ctx, admin.Filter{State: what})
		for _, g := range groups {
			n += g.Count
		}
		return n, err
	}
	box, err := c.admin.Outbox(ctx, "achievement")
	if err != nil {
		return 0, err
	}
	consumers, err := c.admin.Consumers(ctx, "notification", "")
	for _, consumer := range consumers {
		for _, p := range consumer.Partitions {
			n += max(p.Lag, 0)
		}
	}
	return n + box.Unpublished, err
}

// notices N checks how many notices were written, which is once a badge.
func notices(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sqlite.Open(context.Background(), ts.MkAbs("data/notification.db"))
	ts.Check(err)
	defer db.Close()
	var n int
	_, err = database.Scan(context.Background(), db.Reading(), "SELECT count(*) FROM notice", nil, &n)
	ts.Check(err)
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("%d notices were written, want %s", n, args[0])
	}
}

// published N sets EVENT to the id of the N-th event of the outbox.
func published(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sqlite.Open(context.Background(), ts.MkAbs("data/achievement.db"))
	ts.Check(err)
	defer db.Close()
	var id string
	found, err := database.Scan(context.Background(), db.Reading(), "SELECT id FROM pl_outbox ORDER BY seq LIMIT 1 OFFSET "+args[0], nil, &id)
	ts.Check(err)
	if !found {
		ts.Fatalf("the outbox has no event %s", args[0])
	}
	ts.Setenv("EVENT", id)
}

// instance KEY sets SAGA to the id of the instance with a key.
func instance(ts *testscript.TestScript, _ bool, args []string) {
	list, err := campusOf(ts).admin.Sagas(context.Background(), admin.SagaFilter{Context: "thanks", Key: args[0]}, 1)
	ts.Check(err)
	if len(list) == 0 {
		ts.Fatalf("no instance has the key %s", args[0])
	}
	ts.Setenv("SAGA", list[0].ID)
}

// stop-broker cuts the process off.
func stopBroker(ts *testscript.TestScript, _ bool, _ []string) {
	c := campusOf(ts)
	c.cutOff = true
	ts.Check(c.kafka.Close())
}

// What differs from run to run.
var (
	timestamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	eventIDs   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	hexes      = regexp.MustCompile(`\b[0-9a-f]{16,}\b`)
	traces     = regexp.MustCompile(`00-HEX-HEX-\d\d`)
)

// scrub FILE replaces what differs from run to run in what a command wrote.
func scrub(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	if args[0] == "stdout" {
		text, err = []byte(ts.ReadFile("stdout")), nil
	}
	ts.Check(err)
	text = scrubbed(text)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o644))
}

func scrubbed(text []byte) []byte {
	text = timestamps.ReplaceAll(text, []byte("TIME"))
	text = eventIDs.ReplaceAll(text, []byte("EVENT"))
	text = hexes.ReplaceAll(text, []byte("HEX"))
	return traces.ReplaceAll(text, []byte("TRACE"))
}
