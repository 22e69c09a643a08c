// Package pgtest starts a PostgreSQL server for tests, from the binaries that
// are installed.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/pulselearn/campus-hub/internal/loopback"
)

var (
	once      sync.Once
	shared    *server
	startErr  error
	databases atomic.Int64
	durable   bool // set before the server is started
)

var (
	errMissing  = errors.New("a program is not installed")
	errNoServer = fmt.Errorf("%w: neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres", errMissing)
)

// A server is a running PostgreSQL in a directory of its own.
type server struct {
	dir     string
	bin     string // the directory of the server's programs
	port    int
	cmd     *exec.Cmd
	bouncer *bouncer // nil until it is needed
}

// URL returns the URL of a new, empty database. The server behind it is
// started once a test binary; call [Main] from TestMain to stop it. Without
// binaries the test is skipped, and fails when CI is true.
func URL(tb testing.TB) string {
	tb.Helper()
	return running(tb).url(newDatabase(tb))
}

// Program returns the path of one of the programs that come with the server,
// pg_dump for example. Where the server's directory does not have it, it is the
// one in PATH.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(running(tb).bin, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(tb, fmt.Errorf("%w: %w", errMissing, err))
		tb.Fatal(err)
	}
	return path
}

func running(tb testing.TB) *server {
	tb.Helper()
	once.Do(func() { shared, startErr = start() })
	missing(tb, startErr)
	if startErr != nil {
		tb.Fatalf("start PostgreSQL: %v", startErr)
	}
	return shared
}

// missing skips the test, or fails it when CI is true, for a program that is
// not installed.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
		tb.Skipf("NOT TESTED ON POSTGRESQL: %v", err)
	}
}

func newDatabase(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := running(tb).create(name); err != nil {
		tb.Fatalf("create database %s: %v", name, err)
	}
	return name
}

// Main runs the tests and stops the server. It is the body of TestMain.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// MainDurable is [Main] for measurements: the server writes to the disk what it
// says is committed, as one in production does.
func MainDurable(m *testing.M) {
	durable = true
	Main(m)
}

// Stop stops what was started for tests. It is for a TestMain that has more to
// do than [Main].
func Stop() {
	if shared != nil {
		shared.stop()
	}
}

func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *server) create(database string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec("CREATE DATABASE " + database)
	return err
}

func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pl-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, bin: bin}
	if err := s.boot(); err != nil {
		return nil, errors.Join(err, s.log("log"), os.RemoveAll(dir))
	}
	return s, nil
}

// binaries returns the directory with the newest server's programs.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoServer
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (s *server) boot() error {
	identity, err := identity()
	if err != nil {
		return err
	}
	if identity != nil {
		if err := os.Chown(s.dir, int(identity.Uid), int(identity.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.Command(filepath.Join(s.bin, "initdb"),
		"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: identity}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = loopback.FreePort(); err != nil {
		return err
	}
	return s.run(data, identity)
}

func (s *server) run(data string, identity *syscall.Credential) error {
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "deadlock_timeout=100ms")
	if !durable {
		s.cmd.Args = append(s.cmd.Args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	if err := s.launch(s.cmd, identity, "log"); err != nil {
		return err
	}
	return await(func(ctx context.Context) error { return ping(ctx, s.url("postgres")) })
}

// launch starts a process in the server's directory from a thread that lives
// as long as the test binary, because the kernel stops the process when that
// thread ends.
func (s *server) launch(cmd *exec.Cmd, identity *syscall.Credential, log string) error {
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: identity}
	endWithParent(cmd.SysProcAttr)
	out, err := os.Create(filepath.Join(s.dir, log))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		_ = cmd.Wait()
	}()
	return <-started
}

// await calls check until it returns nil.
func await(check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("server does not answer: %w", err)
		}
	}
}

func ping(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

func (s *server) stop() {
	if s.bouncer != nil {
		_ = s.bouncer.cmd.Process.Kill()
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ping(ctx, s.url("postgres")) == nil && ctx.Err() == nil {
		runtime.Gosched()
	}
	_ = os.RemoveAll(s.dir)
}

// log returns what a program wrote, as an error.
func (s *server) log(name string) error {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil // it has written nothing
	}
	return errors.New(strings.TrimSpace(string(text)))
}

// identity is the user postgres for root, whom the server refuses to run as.
func identity() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("tests run as root, and there is no user postgres to run the server as: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
