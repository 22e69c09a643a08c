//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	achievementservice "github.com/pulselearn/campus-hub/gen/service/achievement"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	notificationservice "github.com/pulselearn/campus-hub/gen/service/notification"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	quizservice "github.com/pulselearn/campus-hub/gen/service/quiz"
	userprofileservice "github.com/pulselearn/campus-hub/gen/service/userprofile"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/platform/tx"
	"github.com/pulselearn/campus-hub/services/achievement"
	achievementmigrations "github.com/pulselearn/campus-hub/services/achievement/migrations"
	"github.com/pulselearn/campus-hub/services/billing"
	billingmigrations "github.com/pulselearn/campus-hub/services/billing/migrations"
	"github.com/pulselearn/campus-hub/services/course"
	coursemigrations "github.com/pulselearn/campus-hub/services/course/migrations"
	"github.com/pulselearn/campus-hub/services/enrollment"
	enrollmentmigrations "github.com/pulselearn/campus-hub/services/enrollment/migrations"
	"github.com/pulselearn/campus-hub/services/notification"
	notificationmigrations "github.com/pulselearn/campus-hub/services/notification/migrations"
	"github.com/pulselearn/campus-hub/services/payment"
	paymentmigrations "github.com/pulselearn/campus-hub/services/payment/migrations"
	"github.com/pulselearn/campus-hub/services/quiz"
	quizmigrations "github.com/pulselearn/campus-hub/services/quiz/migrations"
	"github.com/pulselearn/campus-hub/services/userprofile"
	userprofilemigrations "github.com/pulselearn/campus-hub/services/userprofile/migrations"
)

// What a victim is told besides the settings of its service.
const (
	envContexts = "CHAOS_CONTEXTS" // the contexts that it serves
	envHealthy  = "CHAOS_HEALTHY"  // set: handlers fail no more
	envOutage   = "CHAOS_OUTAGE"   // a file; while it exists, what handlers depend on is down
	envLate     = "CHAOS_LATE"     // set: every other event fails at the end of its handler
)

// TestMain is also the victims: the test binary runs itself as the services,
// the broker and the registry, with handlers that fail on purpose.
func TestMain(m *testing.M) {
	if contexts, ok := os.LookupEnv(envContexts); ok {
		victim(strings.Fields(contexts))
		return
	}
	pgtest.Main(m)
}

func victim(contexts []string) {
	app := service.New("victim")
	for _, d := range everything().Definitions() {
		if !slices.Contains(contexts, d.Context) {
			continue
		}
		d.Consumers = slices.Clone(d.Consumers)
		for i := range d.Consumers {
			afflict(&d.Consumers[i])
		}
		app.Add(d)
	}
	service.Main(app, engines())
}

func everything() *service.App {
	app := service.New("hub")
	achievementservice.Register(app, achievement.New(), achievementmigrations.Files)
	billingservice.Register(app, billing.New(), billingmigrations.Files)
	courseservice.Register(app, course.New(), coursemigrations.Files)
	enrollmentservice.Register(app, enrollment.New(), enrollmentmigrations.Files)
	notificationservice.Register(app, notification.New(), notificationmigrations.Files)
	paymentservice.Register(app, payment.New(), paymentmigrations.Files)
	quizservice.Register(app, quiz.New(), quizmigrations.Files)
	userprofileservice.Register(app, userprofile.New(), userprofilemigrations.Files)
	return app
}

func engines() service.Engines {
	return service.Engines{
		OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Instance: to.Instance, Logger: to.Log})
		},
		DialNATS: func(_ context.Context, to service.NATS) (driver.Conn, error) {
			return natsbus.Open(natsbus.Config{Servers: to.Servers, ClientID: to.Client, Instance: to.Instance, Replicas: to.Replicas, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		},
	}
}

// handlerTime is what the victims' handlers have, so that one that hangs does
// not take the whole run.
const handlerTime = 2 * time.Second

// quick makes a consumer try again soon, as often as its contract says: a run
// is too short for an hour between two attempts.
func quick(c *tx.Consumer) {
	c.Retry = bus.RetryPolicy{Attempts: c.Retry.Attempts, First: 500 * time.Millisecond, Max: 2 * time.Second}
}

// afflict makes a consumer ill, and makes it write down every effect that it
// has in the transaction of the effect.
func afflict(c *tx.Consumer) {
	c.Timeout = handlerTime
	quick(c)
	if handle := c.Handle; handle != nil {
		c.Handle = func(ctx context.Context, t *tx.Tx, m event.Message) error {
			if err := ail(ctx); err != nil {
				return err
			}
			if err := handle(ctx, t, m); err != nil {
				return err
			}
			return errors.Join(failLate(ctx, 2), writeDown(ctx, t))
		}
	}
	if call := c.External; call != nil {
		c.External = func(ctx context.Context, k *tx.Call, m event.Message) error {
			if err := ail(ctx); err != nil {
				return err
			}
			k.Then(writeDown)
			return errors.Join(call(ctx, k, m), failLate(ctx, 4))
		}
	}
}

// effectTable is where effects are written down, in their order.
var effectTable = map[string]string{
	"postgres": `CREATE TABLE chaos_effect (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer text NOT NULL,
		topic text NOT NULL, partition integer NOT NULL, key bytea, event_id text NOT NULL)`,
}

func writeDown(ctx context.Context, t *tx.Tx) error {
	d := bus.DeliveryFrom(ctx)
	_, err := t.Conn().ExecContext(ctx, `INSERT INTO chaos_effect (consumer, topic, partition, key, event_id) VALUES ($1, $2, $3, $4, $5)`,
		d.Consumer, d.Record.Topic, d.Record.Partition, d.Record.Key, d.Event.ID)
	return err
}

// Illnesses, in ten-thousandths of the events. The event's id decides, so that
// an event has the same illness in every consumer, at every attempt.
const (
	failsLate  = 200
	failsTwice = failsLate + 200
	panicsOnce = failsTwice + 40
	rejected   = panicsOnce + 100
	parked     = rejected + 50
	hangsOnce  = parked + 5
)

var errIll = errors.New("the handler is ill")

func ail(ctx context.Context) error {
	d := bus.DeliveryFrom(ctx)
	if _, healthy := os.LookupEnv(envHealthy); healthy {
		return nil
	}
	if _, err := os.Stat(os.Getenv(envOutage)); err == nil {
		return errors.New("what the handler depends on is down")
	}
	switch n := illness(d.Event.ID); {
	case n < failsLate:
	case n < failsTwice:
		if d.Attempt <= 2 {
			return fmt.Errorf("attempt %d: %w", d.Attempt, errIll)
		}
	case n < panicsOnce:
		if d.Attempt == 1 {
			panic(errIll)
		}
	case n < rejected:
		return bus.Reject(errIll)
	case n < parked:
		return bus.Park(errIll)
	case n < hangsOnce:
		if d.Attempt == 1 {
			<-time.After(2 * handlerTime) // and does not look at its context
		}
	}
	return nil
}

// failLate fails when everything is done: nothing of it may remain in the
// database.
func failLate(ctx context.Context, attempts int) error {
	d := bus.DeliveryFrom(ctx)
	if _, healthy := os.LookupEnv(envHealthy); healthy || d.Attempt > attempts || illness(d.Event.ID) >= late() {
		return nil
	}
	return fmt.Errorf("attempt %d, at its end: %w", d.Attempt, errIll)
}

// late is how many in ten thousand events fail at the end of their handlers.
func late() int {
	if _, ok := os.LookupEnv(envLate); ok {
		return 5000
	}
	return failsLate
}

func illness(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % 10_000)
}
