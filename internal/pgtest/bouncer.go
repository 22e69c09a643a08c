package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pulselearn/campus-hub/internal/loopback"
)

// A bouncer is a PgBouncer between tests and the server, in transaction mode.
type bouncer struct {
	port int
	cmd  *exec.Cmd
}

var (
	bouncerOnce sync.Once
	bouncerErr  error
)

// pooled is how many connections PgBouncer has to each database: fewer than
// a process opens to PgBouncer, so that they are shared.
const pooled = 6

// PooledURL returns two URLs of a new, empty database: one through a PgBouncer
// in transaction mode, which is started once a test binary, and one past it.
// Without PgBouncer the test is skipped, and fails when CI is true.
func PooledURL(tb testing.TB) (pooled, direct string) {
	tb.Helper()
	s := running(tb)
	bouncerOnce.Do(func() { bouncerErr = s.startBouncer() })
	missing(tb, bouncerErr)
	if bouncerErr != nil {
		tb.Fatalf("start PgBouncer: %v", bouncerErr)
	}
	name := newDatabase(tb)
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.bouncer.port, name), s.url(name)
}

func (s *server) startBouncer() error {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/pgbouncer"); err != nil {
			return fmt.Errorf("%w: neither PATH nor /usr/sbin has pgbouncer", errMissing)
		}
		program = "/usr/sbin/pgbouncer"
	}
	port, err := loopback.FreePort()
	if err != nil {
		return err
	}
	config := filepath.Join(s.dir, "pgbouncer.ini")
	if err := s.configureBouncer(program, config, port); err != nil {
		return err
	}
	identity, err := identity() // PgBouncer refuses root too
	if err != nil {
		return err
	}
	b := &bouncer{port: port, cmd: exec.Command(program, config)}
	if err := s.launch(b.cmd, identity, "pgbouncer.log"); err != nil {
		return err
	}
	s.bouncer = b
	err = await(func(ctx context.Context) error {
		return ping(ctx, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable&default_query_exec_mode=simple_protocol", port))
	})
	if err != nil {
		return errors.Join(err, s.log("pgbouncer.log"))
	}
	return nil
}

func (s *server) configureBouncer(program, path string, port int) error {
	users := path + ".users"
	unprepared, err := withoutPrepared(program)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 1000
%s`, s.port, port, users, pooled, unprepared)
	return errors.Join(
		os.WriteFile(path, []byte(text), 0o644),
		os.WriteFile(users, []byte("\"postgres\" \"\"\n"), 0o644))
}

// withoutPrepared returns the setting that keeps PgBouncer from carrying
// prepared statements over, which it can do since 1.21: services have to work
// without that.
func withoutPrepared(program string) (string, error) {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask PgBouncer for its version: %w", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "PgBouncer %d.%d", &major, &minor); err != nil {
		return "", fmt.Errorf("read PgBouncer's version: %w", err)
	}
	if major == 1 && minor < 21 {
		return "", nil
	}
	return "max_prepared_statements = 0\n", nil
}
