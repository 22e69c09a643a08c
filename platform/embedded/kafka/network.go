package kafka

import (
	"context"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A Network connects a broker with clients of the same process through memory.
// Give its Listen to [Options] and its Dial to the clients. Goroutines that
// wait on it count as blocked in a testing/synctest bubble, so a broker runs
// there in virtual time. The zero value is ready; every test has its own.
type Network struct{ pipes kfake.VirtualNetwork }

// Listen is the network's net.Listen. The address is a loopback host and a
// port other than 0.
func (n *Network) Listen(network, address string) (net.Listener, error) {
	return n.pipes.Listen(network, address)
}

// Dial is the network's net.Dialer.DialContext. Its errors are *net.OpError.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := n.pipes.DialContext(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return conn, nil
}
