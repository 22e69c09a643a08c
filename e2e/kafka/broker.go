// Package kafka starts the real Apache Kafka for tests: one process that is
// broker and controller, from the jars that pom.xml pins.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	startWithin = 60 * time.Second
	stopWithin  = 20 * time.Second
)

// clusterID is what the storage is formatted with, sixteen bytes in base64.
const clusterID = "Y2FtcHVzLWh1Yi10ZXN0cw"

// A Broker is one Kafka broker with its data. Its methods are called by one
// goroutine at a time.
type Broker struct {
	jvm     JVM
	dir     string
	addr    string
	process *os.Process
	ended   <-chan struct{} // closed when the process is gone
}

// Start runs an empty broker until the end of the test. See [Need] for what it
// does where there is no Kafka.
func Start(tb testing.TB) *Broker {
	tb.Helper()
	b := &Broker{jvm: Need(tb), dir: tb.TempDir()}
	b.format(tb)
	tb.Cleanup(func() {
		b.Kill(tb)
		if tb.Failed() {
			tb.Logf("the end of the broker's log:\n%s", b.log())
		}
	})
	b.Start(tb)
	return b
}

// Addr is host:port of the broker, the same after every start.
func (b *Broker) Addr() string { return b.addr }

// JVM runs other classes from the broker's jars.
func (b *Broker) JVM() JVM { return b.jvm }

// Start brings a stopped broker back with its data, and returns when clients
// can work.
func (b *Broker) Start(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := b.jvm.Command(context.Background(), "kafka.Kafka", b.properties())
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, log, log
	if b.ended, err = start(cmd); err != nil {
		tb.Fatalf("start Kafka: %v", err)
	}
	b.process = cmd.Process
	if err := b.awaitReady(); err != nil {
		b.Kill(tb)
		tb.Fatalf("start Kafka: %v\n%s", err, b.log())
	}
}

// Stop ends the broker in good order: it hands over, and closes its files.
func (b *Broker) Stop(tb testing.TB) {
	tb.Helper()
	b.end(tb, syscall.SIGTERM)
}

// Kill ends the broker as kill -9 does. One that does not run is left alone.
func (b *Broker) Kill(tb testing.TB) {
	tb.Helper()
	b.end(tb, syscall.SIGKILL)
}

func (b *Broker) end(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if b.process == nil {
		return
	}
	_ = b.process.Signal(s) // it may have ended by itself
	select {
	case <-b.ended:
		b.process = nil
	case <-time.After(stopWithin):
		tb.Fatalf("Kafka has not ended %s after signal %v", stopWithin, s)
	}
}

// awaitReady waits until the broker is one of the cluster that it describes: it
// listens before that, and has no topics then.
func (b *Broker) awaitReady() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		brokers, err := b.members(ctx, client)
		if err == nil && len(brokers) > 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-b.ended:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", startWithin, errors.Join(err, ctx.Err()))
		}
	}
}

func (b *Broker) members(ctx context.Context, client *kgo.Client) (kadm.BrokerDetails, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return kadm.NewClient(client).ListBrokers(ctx)
}

// log returns the last lines that the broker wrote.
func (b *Broker) log() string {
	text, err := os.ReadFile(filepath.Join(b.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
