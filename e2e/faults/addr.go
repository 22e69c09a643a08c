package faults

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports below those that systems give to outgoing connections: one of these
// stays free while the server that has it is away.
const firstPort, lastPort = 15_000, 32_000

// FreeAddr returns a loopback host:port that nobody listens on, for a server
// that is to be stopped and started at the same address.
func FreeAddr() (string, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		addr := l.Addr().String()
		return addr, l.Close()
	}
	return "", fmt.Errorf("no port from %d to %d is free", firstPort, lastPort)
}
