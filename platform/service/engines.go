package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/twmb/franz-go/pkg/sr"

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
	// EmbedBroker starts a broker inside the process, which listens on addr
	// and keeps its records in dir. It is nil in a process that embeds neither
	// broker nor registry.
	EmbedBroker func(ctx context.Context, dir, addr string, log *slog.Logger) (Broker, error)
	// Listen replaces net.Listen, and Dial the dialer of the registry's client,
	// for a network in memory. Both may be nil.
	Listen func(network, address string) (net.Listener, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
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
