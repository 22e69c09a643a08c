package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"connectrpc.com/connect/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/schema"
)

// Engines are what a process runs on. Its main package chooses them; a test
// may choose others.
type Engines struct {
	// OpenSQLite opens the database file at path.
	OpenSQLite func(ctx context.Context, path string) (*database.DB, error)
	// OpenPostgres opens the database at url.
	OpenPostgres func(ctx context.Context, url string) (*database.DB, error)
	// DialKafka connects to Kafka brokers, and DialNATS to NATS servers.
	DialKafka func(ctx context.Context, to Kafka) (driver.Conn, error)
	DialNATS  func(ctx context.Context, to NATS) (driver.Conn, error)
	// EmbedBroker starts a broker inside the process, which listens on addr
	// and keeps its records in dir. It is nil in a process that embeds neither
	// broker nor registry.
	EmbedBroker func(ctx context.Context, dir, addr string, log *slog.Logger) (Broker, error)
	// Listen replaces net.Listen, and Dial the dialer of the registry's client,
	// for a network in memory. Both may be nil.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// Attempts is an interceptor of every attempt of a call that contexts make,
	// for faults in tests. It may be nil.
	Attempts connect.ClientInterceptor
	// Hooks observe what every context does, as package bus and tx have them.
	Hooks bus.Hooks
}

// dialBroker connects to the NATS servers that the configuration names, or else
// to the Kafka brokers.
func (e *Engines) dialBroker(ctx context.Context, cfg *Config, brokers []string, name string, log *slog.Logger) (driver.Conn, error) {
	if len(cfg.NATSServers) > 0 {
		conn, err := e.dialNATS(ctx, cfg, name, log)
		return conn, explainDial(err, "PL_NATS_SERVERS", cfg.NATSServers)
	}
	conn, err := e.dialKafka(ctx, cfg, brokers, name, log)
	return conn, explainDial(err, "PL_KAFKA_BROKERS", brokers)
}

func explainDial(err error, key string, at []string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: connect to %s: %w", key, withoutPasswords(at), err)
}

func (e *Engines) dialNATS(ctx context.Context, cfg *Config, name string, log *slog.Logger) (driver.Conn, error) {
	to, err := cfg.NATS.target(cfg, name, log)
	if err != nil {
		return nil, &ConfigError{err}
	}
	return e.DialNATS(ctx, to)
}

func (e *Engines) dialKafka(ctx context.Context, cfg *Config, brokers []string, name string, log *slog.Logger) (driver.Conn, error) {
	to, err := cfg.Kafka.target(cfg, brokers, name, log)
	if err != nil {
		return nil, &ConfigError{err}
	}
	return e.DialKafka(ctx, to)
}

// A Broker is an embedded broker.
type Broker interface {
	// Addr is the address that clients connect to.
	Addr() string
	io.Closer
}

// Registry returns a client of the Schema Registry at url.
func (e *Engines) Registry(url string) (*schema.Client, error) {
	if e.Dial == nil {
		return schema.NewClient(url)
	}
	return schema.NewClient(url, sr.HTTPClient(&http.Client{Transport: &http.Transport{DialContext: e.Dial, DisableKeepAlives: true}}))
}
