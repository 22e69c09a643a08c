//go:build !linux

package socket

import (
	"errors"
	"net"
)

// A loop is what this system has none of: every connection is a stream.
type loop struct{}

func newLoop(*Set) (*loop, error) { return nil, errors.ErrUnsupported }

func (*loop) adopt(*Conn, net.Conn) (bool, error) { return false, nil }
func (*loop) close() error                        { return nil }

func (c *Conn) arm()                         {}
func (c *Conn) idle()                        {}
func (c *Conn) release()                     {}
func (c *Conn) writeNow([]byte) (int, error) { return 0, nil }
func (c *Conn) shutWrite()                   { shutWrite(c.stream) }
func (c *Conn) shut()                        { _ = c.stream.Close() } // it is over either way
