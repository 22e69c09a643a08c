package kafkabus_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/kafkabus"
	"github.com/pulselearn/campus-hub/platform/embedded/kafka"
)

// The embedded broker knows members by name as Kafka does.
func TestReturn(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	broker, err := kafka.Start(t.Context(), kafka.Options{Addr: "127.0.0.1:0", DataDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	drivertest.Return(t, drivertest.Returning{
		Open: func(t *testing.T, instance string) (driver.Conn, func()) {
			line, err := faults.NewProxy(broker.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(line.Close)
			conn, err := kafkabus.Open(kafkabus.Config{
				Brokers: []string{broker.Addr()}, Instance: instance, Logger: quiet,
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, line.Addr())
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			return conn, line.Cut
		},
	})
}
