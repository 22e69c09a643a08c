// Package postgres starts PostgreSQL servers for tests that do to them what
// must not be done to the one that all tests share: servers that lose their
// disk space, are killed, or have a clock that jumps. They leave the writing to
// the operating system, which outlives them: after a crash PostgreSQL would
// otherwise first sync every file.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/pulselearn/campus-hub/e2e/faults"
	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/internal/pgtest"
)

const (
	startWithin = time.Minute
	stopWithin  = 20 * time.Second
)

// A Server is one PostgreSQL server with its data. Its methods are called by
// one goroutine at a time.
type Server struct {
	bin  string
	as   *syscall.Credential
	dir  string // with the data and the log
	addr string
	made int // databases

	process *faults.Process // nil when it does not run
}

// Start runs an empty server with its data in dir until the end of the test.
// Without the server's programs the test is skipped, and fails when CI is
// true.
func Start(tb testing.TB, dir string) *Server {
	tb.Helper()
	addr, err := loopback.FreeAddr()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{dir: dir, addr: addr}
	s.bin, s.as = pgtest.Installed(tb)
	if s.as != nil {
		s.admit(tb)
	}
	initdb := exec.CommandContext(tb.Context(), filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C", "--no-sync", "--wal-segsize=1")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: s.as}
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	tb.Cleanup(func() {
		s.Kill(tb)
		if tb.Failed() {
			tb.Logf("the end of PostgreSQL's log:\n%s", s.log())
		}
	})
	s.Start(tb)
	return s
}

// admit lets the server's user reach its directory, which the test has made
// for itself.
func (s *Server) admit(tb testing.TB) {
	tb.Helper()
	err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid))
	for dir := filepath.Dir(s.dir); err == nil && strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Addr is the server's host:port, the same after every start.
func (s *Server) Addr() string { return s.addr }

// URL returns the URL of a new, empty database.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.made++
	name := fmt.Sprintf("test%d", s.made)
	if err := s.run("CREATE DATABASE " + name); err != nil {
		tb.Fatalf("create database %s: %v", name, err)
	}
	return s.url(name)
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", s.addr, database)
}

func (s *Server) run(statement string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}

// Start brings a server back that does not run, with its data, and returns
// when it answers. Where the system can do that, its clock can be set.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	var last error
	for begin := time.Now(); time.Since(begin) < startWithin; <-time.After(20 * time.Millisecond) {
		if s.ended() {
			s.launch(tb)
		}
		if last = s.run("SELECT 1"); last == nil {
			return
		}
	}
	tb.Fatalf("start PostgreSQL: %v\n%s", last, s.log())
}

// ended tells whether the server does not run. A start fails while processes
// of a killed server are still there.
func (s *Server) ended() bool {
	if s.process == nil {
		return true
	}
	select {
	case <-s.process.Ended():
		return true
	default:
		return false
	}
}

func (s *Server) launch(tb testing.TB) {
	tb.Helper()
	cmd, log := s.command(tb)
	defer log.Close()
	var err error
	if s.process, err = faults.RunWithClock(cmd); errors.Is(err, faults.ErrNoClock) {
		again, more := s.command(tb)
		defer more.Close()
		s.process, err = faults.Run(again)
	}
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
}

func (s *Server) command(tb testing.TB) (*exec.Cmd, *os.File) {
	tb.Helper()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	host, port, _ := strings.Cut(s.addr, ":")
	//nolint:noctx // it ends with Kill, after what tests have registered to clean up
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", port, "-c", "listen_addresses="+host,
		"-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "deadlock_timeout=100ms",
		"-c", "fsync=off", "-c", "max_wal_size=8MB", "-c", "min_wal_size=2MB")
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd, log
}

// The log is where there is space for it.
func (s *Server) logFile() string { return filepath.Clean(s.dir) + ".log" }

// log returns the last lines that the server wrote.
func (s *Server) log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// Log returns all that the server wrote.
func (s *Server) Log(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Kill ends the server as kill -9 does: its other processes notice that. One
// that does not run is left alone.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.Kill(); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
	s.process = nil
}

// SetClock sets how far the server's clock is ahead of the machine's, until it
// ends. It does nothing to a server that does not run.
func (s *Server) SetClock(ahead time.Duration) error {
	if s.ended() {
		return nil
	}
	return s.process.SetClock(ahead)
}
