package kafka

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// reachable rejects addresses that clients cannot be told to come back to.
func reachable(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("embedded kafka: address %q is not host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("embedded kafka: address %q names no host; clients are sent back to it, so give one that they can reach, such as 127.0.0.1", addr)
	}
	return nil
}

// listenError names the port and the way out.
func listenError(addr string, err error) error {
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("embedded kafka: port %s is in use: another hub or a Kafka broker may be running; "+
			"stop it, or choose another address: %w", port, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("embedded kafka: port %s needs more rights than this process has; choose one above 1023: %w", port, err)
	}
	return fmt.Errorf("embedded kafka: cannot listen on %q; give a host and a port: %w", addr, err)
}
