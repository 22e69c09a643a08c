// Package kafka starts the real Apache Kafka for tests, one broker or a
// cluster: processes that are broker and controller at once, from the jars that
// pom.xml pins.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/internal/loopback"
)

const (
	startWithin = 60 * time.Second
	stopWithin  = 20 * time.Second
)

// A Broker is one Kafka broker with its data. Its methods are called by one
// goroutine at a time.
type Broker struct {
	setup
	id  int
	dir string

	client, advertised   string // for clients: where it listens, and what it tells them
	internal, controller string // for brokers, and for controllers
	sasl, tls, saslTLS   string // with security

	process *faults.Process // nil when it does not run
}

func newBroker(tb testing.TB, id int, s setup) *Broker {
	tb.Helper()
	b := &Broker{setup: s, id: id, dir: tb.TempDir()}
	for _, addr := range []*string{&b.client, &b.internal, &b.controller, &b.sasl, &b.tls, &b.saslTLS} {
		var err error
		if *addr, err = loopback.FreeAddr(); err != nil {
			tb.Fatal(err)
		}
	}
	b.advertised = s.front(tb, b.client)
	tb.Cleanup(func() {
		b.Kill(tb)
		if tb.Failed() {
			tb.Logf("the end of broker %d's log:\n%s", b.id, b.log())
		}
	})
	return b
}

// listeners returns where the broker listens, and what it tells others.
func (b *Broker) listeners() (listeners, advertised string) {
	client, rest := "CLIENT://"+b.client, ",INTERNAL://"+b.internal
	if b.security != nil {
		rest += ",SASL://" + b.sasl + ",TLS://" + b.tls + ",SASLTLS://" + b.saslTLS
	}
	return client + rest + ",CONTROLLER://" + b.controller, "CLIENT://" + b.advertised + rest
}

// Addr is host:port of the broker for clients, the same after every start.
func (b *Broker) Addr() string { return b.advertised }

// JVM runs other classes from the broker's jars.
func (b *Broker) JVM() JVM { return b.jvm }

// Start brings a stopped broker back with its data, and returns when clients
// can work.
func (b *Broker) Start(tb testing.TB) {
	tb.Helper()
	b.launch(tb)
	b.await(tb)
}

func (b *Broker) launch(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := b.jvm.Command(context.Background(), "kafka.Kafka", b.propertiesFile())
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, log, log
	if b.process, err = faults.Run(cmd); err != nil {
		tb.Fatalf("start Kafka: %v", err)
	}
}

func (b *Broker) await(tb testing.TB) {
	tb.Helper()
	if err := b.awaitReady(); err != nil {
		b.Kill(tb)
		tb.Fatalf("start Kafka: %v\n%s", err, b.log())
	}
}

// Stop ends the broker in good order: it hands over, and closes its files.
func (b *Broker) Stop(tb testing.TB) {
	tb.Helper()
	b.end(tb, func(p *faults.Process) error { return p.Terminate(stopWithin) })
}

// Kill ends the broker as kill -9 does. One that does not run is left alone.
func (b *Broker) Kill(tb testing.TB) {
	tb.Helper()
	b.end(tb, (*faults.Process).Kill)
}

func (b *Broker) end(tb testing.TB, how func(*faults.Process) error) {
	tb.Helper()
	if b.process == nil {
		return
	}
	if err := how(b.process); err != nil {
		tb.Fatalf("stop Kafka: %v", err)
	}
	b.process = nil
}

// Pause stops the broker where it is, as SIGSTOP does.
func (b *Broker) Pause(tb testing.TB) {
	tb.Helper()
	if err := b.process.Pause(); err != nil {
		tb.Fatal(err)
	}
}

// Resume lets a paused broker go on.
func (b *Broker) Resume(tb testing.TB) {
	tb.Helper()
	if err := b.process.Resume(); err != nil {
		tb.Fatal(err)
	}
}

// Restart kills the broker and starts it again.
func (b *Broker) Restart(tb testing.TB) {
	tb.Helper()
	b.Kill(tb)
	b.Start(tb)
}

// awaitReady waits until the broker is one of the cluster that it describes: it
// listens before that, and has no topics then.
func (b *Broker) awaitReady() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.internal))
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
		if err == nil && slices.Contains(brokers.NodeIDs(), int32(b.id)) {
			return nil
		}
		select {
		case <-tick.C:
		case <-b.process.Ended():
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

func (b *Broker) propertiesFile() string { return filepath.Join(b.dir, "server.properties") }

// format writes the settings and makes the data directory.
func (b *Broker) format(tb testing.TB, properties string) {
	tb.Helper()
	if err := os.WriteFile(b.propertiesFile(), []byte(properties), 0o600); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startWithin)
	defer cancel()
	args := append([]string{"format", "-t", clusterID, "-c", b.propertiesFile()}, b.security.users()...)
	out, err := b.jvm.Command(ctx, "kafka.tools.StorageTool", args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("format Kafka's storage: %v\n%s", err, out)
	}
}
