// Package kafka runs a broker that speaks Kafka's protocol inside the process,
// for development, tests and small installations that need no other broker.
//
// Records are on disk and survive a killed process; like Kafka's own default,
// they are not flushed to the device record by record, so a power cut can lose
// the newest ones. There is one broker, and no replication.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// DefaultAddr is where the broker listens unless told otherwise: Kafka's port
// on the loopback interface.
const DefaultAddr = "127.0.0.1:9092"

// maxMessageBytes is the largest record batch, compressed, that is accepted.
const maxMessageBytes = "1048588"

// Options say where the broker listens and keeps its records.
type Options struct {
	// Addr is the address to listen on, a host and a fixed port; clients are
	// told to come back to it. DefaultAddr when empty. Port 0 picks a free one.
	Addr string
	// DataDir is the directory that holds records and topics. It is created
	// when missing and used by one broker at a time. When empty, records are
	// in memory and gone with the broker.
	DataDir string
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Listen replaces net.Listen, for a network in memory; see [Network].
	Listen func(network, address string) (net.Listener, error)
}

// A Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	unlock  func() error
	close   sync.Once
	closed  error
}

// Start opens the data directory, listens, and returns once clients can
// connect. The error says which port is busy, or which file is damaged.
func Start(ctx context.Context, o Options) (*Broker, error) {
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	if err := reachable(o.Addr); err != nil {
		return nil, err
	}
	unlock, err := openData(ctx, o.DataDir)
	if err != nil {
		return nil, err
	}
	b := &Broker{unlock: unlock}
	if b.cluster, err = kfake.NewCluster(clusterOptions(o)...); err != nil {
		return nil, errors.Join(startError(o, err), unlock())
	}
	b.addr = b.cluster.ListenAddrs()[0]
	return b, nil
}

func clusterOptions(o Options) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("campus-hub"),
		kfake.DefaultNumPartitions(1),
		kfake.GroupMaxSessionTimeout(24 * time.Hour), // members in virtual time heartbeat rarely
		kfake.WithLogger(logger{o.Logger}),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": maxMessageBytes}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return o.Listen(network, o.Addr) }),
	}
	if o.DataDir != "" {
		opts = append(opts, kfake.DataDir(o.DataDir))
	}
	return opts
}

// startError says what to do about a broker that does not start.
func startError(o Options, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "listen" {
		return listenError(o.Addr, op)
	}
	return fmt.Errorf("embedded kafka: data directory %s: %w; move it away to start with an empty broker", o.DataDir, err)
}

// openData takes the data directory for this process and checks what is in it.
func openData(ctx context.Context, dir string) (unlock func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("embedded kafka: create data directory: %w", err)
	}
	unlock, err = lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("embedded kafka: data directory %s is used by another broker; stop it or choose another directory: %w", dir, err)
	}
	if err := verify(ctx, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded kafka: %w", err), unlock())
	}
	return unlock, nil
}

// Addr returns the address that clients connect to.
func (b *Broker) Addr() string { return b.addr }

// Close disconnects all clients and writes the rest of the state to disk.
// Closing twice is harmless.
func (b *Broker) Close() error {
	b.close.Do(func() {
		b.cluster.Close()
		b.closed = b.unlock()
	})
	return b.closed
}
