// Package nats runs a nats-server with JetStream inside the process, for
// development, tests and small installations that need no other broker.
//
// There is one server, and no replication. Unless [Options].SyncAlways is set,
// what the server has acknowledged survives a killed process, but not a power
// cut.
package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// DefaultAddr is where the server listens unless told otherwise: NATS's port
// on the loopback interface.
const DefaultAddr = "127.0.0.1:4222"

// startTimeout is how long reading the stored streams may take.
const startTimeout = time.Minute

// Options say where the server listens and keeps its streams.
type Options struct {
	// Addr is the host and port to listen on, DefaultAddr when empty. Port 0
	// picks a free one.
	Addr string
	// DataDir is the directory that holds the streams. It is created when
	// missing and used by one server at a time. It must be set.
	DataDir string
	// SyncAlways flushes to the device before anything is acknowledged, as
	// sync_interval: always does in a configuration file.
	SyncAlways bool
	// Logger is slog.Default when nil.
	Logger *slog.Logger
}

// A Broker is a running server.
type Broker struct {
	server *server.Server
	close  sync.Once
}

// Start opens the data directory, listens, and returns once clients can
// connect and JetStream answers.
func Start(o Options) (*Broker, error) {
	opts, err := o.server()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("embedded nats: %w", err)
	}
	log := logger{to: o.Logger, fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	b := &Broker{server: s}
	s.Start()
	if err := b.awaitReady(log.fatal); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("embedded nats: start at %s with data directory %s: %w", o.Addr, o.DataDir, err)
	}
	return b, nil
}

// awaitReady returns when clients can connect, or why they never will.
func (b *Broker) awaitReady(fatal <-chan string) error {
	ready := make(chan bool, 1)
	go func() { ready <- b.server.ReadyForConnections(startTimeout) }()
	select {
	case why := <-fatal:
		return errors.New(why)
	case ok := <-ready:
		if !ok {
			return fmt.Errorf("no connection within %v", startTimeout)
		}
	}
	if !b.server.JetStreamEnabled() {
		return errors.New("JetStream did not start; the server's log says why")
	}
	return nil
}

// server checks the options and returns them as the server has them.
func (o *Options) server() (*server.Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	if o.DataDir == "" {
		return nil, errors.New("embedded nats: no data directory; streams need one")
	}
	host, port, err := hostPort(o.Addr)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("embedded nats: create data directory: %w", err)
	}
	return &server.Options{
		ServerName: "campus-hub", Host: host, Port: port,
		JetStream: true, StoreDir: o.DataDir, SyncAlways: o.SyncAlways,
		NoSigs: true,
	}, nil
}

func hostPort(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("embedded nats: address %q is not host:port: %w", addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", 0, fmt.Errorf("embedded nats: port of address %q is no number: %w", addr, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// Addr returns the address that clients connect to.
func (b *Broker) Addr() string { return b.server.Addr().String() }

// URL returns the address as clients want it.
func (b *Broker) URL() string { return "nats://" + b.Addr() }

// Close disconnects all clients, writes the rest of the state to disk and
// waits until that is done. It never fails, and closing twice is harmless.
func (b *Broker) Close() error {
	b.close.Do(func() {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	})
	return nil
}
