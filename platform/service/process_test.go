package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/database/postgres"
	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/internal/relayrace"
	"github.com/pulselearn/campus-hub/platform/service"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// coach may start runners.
var coach = identity.Caller{Subject: "coach", Roles: []string{identity.Admin}}

func engines() service.Engines {
	return service.Engines{
		OpenSQLite: sqlite.Open, OpenPostgres: postgres.Open,
		DialKafka: func(_ context.Context, to service.Kafka) (driver.Conn, error) {
			return kafkabus.Open(kafkabus.Config{Brokers: to.Brokers, ClientID: to.Client, Logger: to.Log})
		},
		EmbedBroker: func(ctx context.Context, dir, addr string, log *slog.Logger) (service.Broker, error) {
			return kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		},
	}
}

func config(t *testing.T) *service.Config {
	t.Helper()
	cfg, err := service.LoadConfig([]string{
		"PL_HTTP_ADDR=" + loopback.Must(t), "PL_ADMIN_ADDR=off", "PL_EMBEDDED_KAFKA_ADDR=" + loopback.Must(t), "PL_EMBEDDED_REGISTRY_ADDR=" + loopback.Must(t),
		"PL_DATA_DIR=" + t.TempDir(), "PL_OIDC_ISSUER=http://127.0.0.1:1", // nobody shows a token
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func newRace() *service.App {
	app := service.New("race")
	new(relayrace.Race).Register(app)
	return app
}

// serve starts a process, waits until it is ready, uses it, and drains it.
func serve(t *testing.T, cfg *service.Config, use func(p *service.Process)) {
	t.Helper()
	p, err := service.Start(t.Context(), newRace(), cfg, engines(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := p.AwaitReady(ctx); err != nil {
		t.Error(err)
	}
	use(p)
	if err := p.Drain(ctx); err != nil {
		t.Errorf("drain: %v", err)
	}
}

// awaitRuns waits until a runner has carried the baton n times.
func awaitRuns(t *testing.T, p *service.Process, runner string, n int64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		got, err := relayrace.Runs(t.Context(), p.Client("race", coach), runner)
		if err == nil && got == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s ran %d times, %v; want %d", runner, got, err, n)
		}
	}
}

func TestProcessOnEachDatabase(t *testing.T) {
	t.Parallel()
	for _, engine := range []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"SQLite", func(*testing.T) string { return "" }},
		{"PostgreSQL", func(t *testing.T) string { return pgtest.URL(t) }},
	} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.DatabaseURL = engine.url(t)
			serve(t, cfg, func(p *service.Process) {
				for range 3 {
					if err := relayrace.Start(t.Context(), p.Client("race", coach), "ada"); err != nil {
						t.Fatal(err)
					}
				}
				awaitRuns(t, p, "ada", 3)
			})
			serve(t, cfg, func(p *service.Process) {
				if err := relayrace.Start(t.Context(), p.Client("race", coach), "ada"); err != nil {
					t.Fatal(err)
				}
				awaitRuns(t, p, "ada", 4)
			})
		})
	}
}

func TestFailedStartReleasesEverything(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	taken, err := net.Listen("tcp", cfg.EmbeddedRegistryAddr)
	if err != nil {
		t.Fatal(err)
	}
	_, err = service.Start(t.Context(), newRace(), cfg, engines(), nil)
	var wrong *service.ConfigError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "PL_EMBEDDED_REGISTRY_ADDR") {
		t.Fatalf("got %v, want the busy port and its setting", err)
	}
	taken.Close()
	serve(t, cfg, func(*service.Process) {}) // ports, lock and files are free again
}

func TestASettingThatTheServiceRefusesEndsTheStart(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	app := service.New("race")
	new(relayrace.Race).Register(app)
	d := app.Definitions()[0]
	var given *service.Config
	refuse := func(cfg *service.Config) error {
		given = cfg
		return errors.New("PL_MAIL_FROM is nobody")
	}
	d.Configure = refuse
	app = service.New("race")
	app.Add(d)
	_, err := service.Start(t.Context(), app, cfg, engines(), nil)
	var wrong *service.ConfigError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "PL_MAIL_FROM") {
		t.Fatalf("got %v, want the service's own error", err)
	}
	if given.DataDir != cfg.DataDir || !strings.HasPrefix(given.PublicURL, "http://localhost:") || cfg.PublicURL != "" {
		t.Errorf("configured with %+v: want what was given, and where the process listens", given)
	}
	if service.Configuration(struct{}{}) != nil {
		t.Error("a service without settings is configured")
	}
	serve(t, cfg, func(*service.Process) {}) // everything is free again
}

func TestReadinessNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	var broker *kafka.Broker
	e := engines()
	e.EmbedBroker = func(ctx context.Context, dir, addr string, log *slog.Logger) (_ service.Broker, err error) {
		broker, err = kafka.Start(ctx, kafka.Options{Addr: addr, DataDir: dir, Logger: log})
		return broker, err
	}
	p, err := service.Start(t.Context(), newRace(), cfg, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	if status, components := readyz(t, cfg); status != http.StatusServiceUnavailable || components["broker"] == "ready" || components["race.database"] != "ready" {
		t.Errorf("without a broker: %d, %v", status, components)
	}
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.Drain(short) // without a broker it may have to give up
	if err := p.Ready(t.Context()); err == nil {
		t.Error("ready after the drain")
	}
}

func readyz(t *testing.T, cfg *service.Config) (int, map[string]string) {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("http://%s/readyz", cfg.HTTPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Components map[string]string `json:"components"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer.Components
}
