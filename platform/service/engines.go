package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
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
	DialRegistry func(url string) (Schemas, error)
	// EmbedBroker starts a broker inside the process, which listens on addr
	// and keeps its records in dir. It is nil in a process that has none.
	EmbedBroker func(ctx context.Context, dir, addr string, log *slog.Logger) (Broker, error)
	// EmbedRegistry opens a Schema Registry inside the process that keeps its
	// schemas in dir. It is nil in a process that has none.
	EmbedRegistry func(dir string) (Registry, error)
}

// ErrNoSchema means that the registry does not have a schema.
var ErrNoSchema = errors.New("the registry does not have the schema")

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

// Schemas is a process's view of a Schema Registry.
type Schemas interface {
	tx.SchemaIDs
	bus.Decoder
	// Register makes the event's schema known to the registry.
	Register(ctx context.Context, t *event.Type) error
	// Resolve looks up the id of the event's schema. It returns an error that
	// wraps [ErrNoSchema] when the registry does not have it.
	Resolve(ctx context.Context, t *event.Type) error
	// Ping fails when the registry cannot be reached.
	Ping(ctx context.Context) error
}
