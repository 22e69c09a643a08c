// Package nats starts real nats-servers for tests, one or a cluster: processes
// of their own, with a JetStream that has everything on the disk before it
// acknowledges it, unless they are [Relaxed].
package nats

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/internal/loopback"
)

const (
	startWithin = 30 * time.Second
	stopWithin  = 20 * time.Second
)

// A Server is one nats-server with its streams. Its methods are called by one
// goroutine at a time.
type Server struct {
	setup
	name string
	dir  string

	client, advertised string // for clients: where it listens, and where they go
	route, monitor     string // for other servers, and for health

	process *faults.Process // nil when it does not run
}

func newServer(tb testing.TB, i int, all setup) *Server {
	tb.Helper()
	s := &Server{setup: all, name: fmt.Sprintf("n%d", i), dir: tb.TempDir()}
	for _, addr := range []*string{&s.client, &s.route, &s.monitor} {
		var err error
		if *addr, err = loopback.FreeAddr(); err != nil {
			tb.Fatal(err)
		}
	}
	s.advertised = s.front(tb, s.client)
	tb.Cleanup(func() {
		s.Kill(tb)
		if tb.Failed() {
			tb.Logf("the end of the log of server %s:\n%s", s.name, s.log())
		}
	})
	return s
}

// Addr is host:port of the server for clients, the same after every start.
func (s *Server) Addr() string { return s.advertised }

// configure writes the configuration.
func (s *Server) configure(tb testing.TB, cluster string) {
	tb.Helper()
	text := fmt.Sprintf("server_name: %s\nlisten: %q\nclient_advertise: %q\nhttp: %q\njetstream { store_dir: %q, sync_interval: %s }\n%s",
		s.name, s.client, s.advertised, s.monitor, filepath.Join(s.dir, "data"), s.flush, s.config)
	if cluster != "" {
		text += fmt.Sprintf("cluster { listen: %q, %s }\n", s.route, cluster)
	}
	if err := os.WriteFile(s.configFile(), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func (s *Server) configFile() string { return filepath.Join(s.dir, "server.conf") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Start brings a stopped server back with its streams, and returns when they
// are as current as those of the others.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	s.launch(tb)
	s.await(tb)
}

func (s *Server) launch(tb testing.TB) {
	tb.Helper()
	var err error
	if s.process, err = faults.Run(exec.Command(s.program, "--config", s.configFile(), "--log", s.logFile())); err != nil {
		tb.Fatalf("start nats-server: %v", err)
	}
}

func (s *Server) await(tb testing.TB) {
	tb.Helper()
	if err := s.awaitHealthy(); err != nil {
		s.Kill(tb)
		tb.Fatalf("start nats-server: %v\n%s", err, s.log())
	}
}

func (s *Server) awaitHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Ended():
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("not healthy after %s: %w", startWithin, err)
		}
	}
}

func (s *Server) healthy(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.monitor+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s", req.URL, resp.Status)
	}
	return nil
}

// Stop ends the server in good order.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.end(tb, func(p *faults.Process) error { return p.Terminate(stopWithin) })
}

// Kill ends the server as kill -9 does. One that does not run is left alone.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.end(tb, (*faults.Process).Kill)
}

func (s *Server) end(tb testing.TB, how func(*faults.Process) error) {
	tb.Helper()
	if s.process == nil {
		return
	}
	if err := how(s.process); err != nil {
		tb.Fatalf("stop nats-server: %v", err)
	}
	s.process = nil
}

// Pause stops the server where it is, as SIGSTOP does.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	if err := s.process.Pause(); err != nil {
		tb.Fatal(err)
	}
}

// Resume lets a paused server go on.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	if err := s.process.Resume(); err != nil {
		tb.Fatal(err)
	}
}

// Restart kills the server and starts it again.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Kill(tb)
	s.Start(tb)
}

// log returns the last lines that the server wrote.
func (s *Server) log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
