package nats_test

import (
	"log/slog"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/nats"
	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/bus/drivertest"
	"github.com/pulselearn/campus-hub/platform/bus/natsbus"
)

// A process that dies without a word has its partitions back at once when it
// comes back under the same name.
func TestReturn(t *testing.T) {
	server := nats.Start(t)
	drivertest.Return(t, drivertest.Returning{
		Open: func(t *testing.T, instance string) (driver.Conn, func()) {
			line := proxyTo(t, server.Addr())
			// With the default idle time a dead member is noticed after ten seconds.
			conn, err := natsbus.Open(natsbus.Config{Servers: []string{line.Addr()}, Instance: instance, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return conn, line.Cut
		},
	})
}
