package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

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
	// DialBroker connects to Kafka brokers, as the client that is called name.
	DialBroker func(ctx context.Context, brokers []string, name string, log *slog.Logger) (driver.Conn, error)
	// DialNATS connects to NATS servers in the same way.
	DialNATS func(ctx context.Context, servers []string, name string, log *slog.Logger) (driver.Conn, error)
	// EmbedBroker starts a broker inside the process, which listens on addr
	// and keeps its records in dir. It is nil in a process that embeds neither
	// broker nor registry.
	EmbedBroker func(ctx context.Context, dir, addr string, log *slog.Logger) (Broker, error)
	// Listen replaces net.Listen, and Dial the dialer of the registry's client,
	// for a network in memory. Both may be nil.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// Hooks observe what every context does, as package bus and tx have them.
	Hooks bus.Hooks
}

// dialBroker connects to the NATS servers that the configuration names, or else
// to the Kafka brokers.
func (e *Engines) dialBroker(ctx context.Context, cfg *Config, brokers []string, name string, log *slog.Logger) (driver.Conn, error) {
	dial, at, key := e.DialBroker, brokers, "PL_KAFKA_BROKERS"
	if len(cfg.NATSServers) > 0 {
		dial, at, key = e.DialNATS, cfg.NATSServers, "PL_NATS_SERVERS"
	}
	conn, err := dial(ctx, at, name, log)
	if err != nil {
		return nil, fmt.Errorf("%s: connect to %s: %w", key, withoutPasswords(at), err)
	}
	return conn, nil
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
