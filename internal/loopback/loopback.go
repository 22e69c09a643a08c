// Package loopback gives out addresses of this machine for servers that tests
// and benchmarks start.
package loopback

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports below those that systems give to outgoing connections: one of these
// stays free while the server that has it is away.
const firstPort, lastPort = 15_000, 32_000

// given holds the ports that this process has handed out.
var given sync.Map

// FreePort returns a port of 127.0.0.1 that nobody listens on, for a server that
// is started later, or stopped and started again at the same port. It returns
// a port once. Safe for concurrent use.
func FreePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr(port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no port from %d to %d is free", firstPort, lastPort)
}

// FreeAddr returns a host:port with a [FreePort].
func FreeAddr() (string, error) {
	port, err := FreePort()
	return addr(port), err
}

// Must is [FreeAddr] for tests; it ends t when no port is free.
func Must(t interface{ Fatal(args ...any) }) string {
	free, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return free
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
