package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// Engines are what a process runs on. Its main package chooses them; a test
// may choose others.
type Engines struct {
	// OpenSQLite opens the database file at path.
	OpenSQLite func(ctx context.Context, path string) (*tx.Database, error)
	// OpenPostgres opens the database at url.
	OpenPostgres func(ctx context.Context, url string) (*tx.Database, error)
	// DialBroker connects to brokers, as the client that is called name.
	DialBroker func(ctx context.Context, brokers []string, name string, log *slog.Logger) (driver.Conn, error)
	// DialRegistry connects to the Schema Registry at url.
	DialRegistry func(url string) (schema.Registry, error)
	// EmbedBroker starts a broker inside the process, which listens on addr
	// and keeps its records in dir. It is nil in a process that has none.
	EmbedBroker func(ctx context.Context, dir, addr string, log *slog.Logger) (Broker, error)
	// EmbedRegistry opens a Schema Registry inside the process that keeps its
	// schemas in dir. It is nil in a process that has none.
	EmbedRegistry func(dir string) (Registry, error)
	// Listen replaces net.Listen, for a network in memory.
	Listen func(network, address string) (net.Listener, error)
}

// A Broker is an embedded broker.
type Broker interface {
	// Addr is the address that clients connect to.
	Addr() string
	io.Closer
}

// A Registry is an embedded Schema Registry: Confluent's REST API.
type Registry interface {
	http.Handler
	io.Closer
}
