package nats

import (
	"fmt"
	"strings"
	"testing"
)

// A Cluster is a number of servers that form one JetStream. Its methods are
// called by one goroutine at a time.
type Cluster struct{ servers []*Server }

// A setup is what all servers of a cluster have in common.
type setup struct {
	program string
	front   func(tb testing.TB, addr string) string
	config  string
	flush   string // the sync_interval
}

// An Option changes what servers are started with.
type Option func(*setup)

// Behind makes clients go through something that stands before each server:
// front is told where a server listens, and returns the host:port that clients
// are to use.
func Behind(front func(tb testing.TB, addr string) string) Option {
	return func(s *setup) { s.front = front }
}

// Configured adds lines to the servers' configuration, in its own language.
func Configured(lines string) Option {
	return func(s *setup) { s.config += lines + "\n" }
}

// Relaxed makes servers acknowledge what is not on the disk yet, as they do
// when nobody configures them. What they have written survives their own death
// then, and not the machine's.
func Relaxed() Option {
	return func(s *setup) { s.flush = "2m" }
}

// Start runs an empty server until the end of the test. Without a program to
// run the test is skipped, and fails when CI is true.
func Start(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	return StartCluster(tb, 1, options...).Server(0)
}

// StartCluster runs n empty servers until the end of the test. Streams with
// three replicas need three of them.
func StartCluster(tb testing.TB, n int, options ...Option) *Cluster {
	tb.Helper()
	all := setup{program: need(tb), flush: "always", front: func(_ testing.TB, addr string) string { return addr }}
	for _, option := range options {
		option(&all)
	}
	c := &Cluster{}
	for i := range n {
		c.servers = append(c.servers, newServer(tb, i, all))
	}
	for _, s := range c.servers {
		s.configure(tb, c.routes())
		s.launch(tb)
	}
	for _, s := range c.servers {
		s.await(tb)
	}
	return c
}

// Server returns the ith server, from 0.
func (c *Cluster) Server(i int) *Server { return c.servers[i] }

// Named returns the server that the cluster calls so.
func (c *Cluster) Named(name string) *Server {
	for _, s := range c.servers {
		if s.name == name {
			return s
		}
	}
	return nil
}

// Addrs are the addresses of all servers for clients.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, s := range c.servers {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// routes is what makes several servers a cluster.
func (c *Cluster) routes() string {
	if len(c.servers) == 1 {
		return ""
	}
	var routes []string
	for _, s := range c.servers {
		routes = append(routes, "nats://"+s.route)
	}
	return fmt.Sprintf("name: campus-hub, routes: [%s]", strings.Join(routes, ", "))
}
