package kafka_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/e2e/kafka"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
)

// A process that dies without a word has its partitions back at once when it
// comes back under the same name.
func comeBack(t *testing.T, broker *kafka.Broker) {
	drivertest.Return(t, drivertest.Returning{
		Open: func(t *testing.T, instance string) (driver.Conn, func()) {
			line := proxyTo(t, broker.Addr())
			return as(t, instance, broker.Addr(), line), line.Cut
		},
	})
}

// as connects through a line of its own, which ends like the process would.
func as(t *testing.T, instance, addr string, line *faults.Proxy) *kafkabus.Conn {
	t.Helper()
	conn, err := kafkabus.Open(kafkabus.Config{
		Brokers: []string{addr}, Instance: instance, Logger: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: time.Second}
			return dialer.DialContext(ctx, network, line.Addr())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
