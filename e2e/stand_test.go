//go:build unix

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/internal/loopback"
	"github.com/pulselearn/campus-hub/internal/pgtest"
	"github.com/pulselearn/campus-hub/platform/identity/identitytest"
)

// binaries holds what was built, by build tags, for all tests of this run.
var binaries struct {
	sync.Mutex
	dirs map[string]string
	root string
}

func TestMain(m *testing.M) {
	var err error
	if binaries.root, err = os.MkdirTemp("", "pl-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries.dirs = map[string]string{}
	if issuer, err = identitytest.Start("127.0.0.1:0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	pgtest.Stop()
	os.RemoveAll(binaries.root)
	os.Exit(code)
}

// build builds the named binaries of gen/cmd, or of e2e, with the build tags,
// each once, and returns their directory.
func build(t *testing.T, tags string, names ...string) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	key := tags + " " + strings.Join(names, " ")
	if dir, ok := binaries.dirs[key]; ok {
		return dir
	}
	dir := filepath.Join(binaries.root, fmt.Sprint(len(binaries.dirs)))
	args := []string{"build", "-tags", tags, "-o", dir + "/"}
	for _, name := range names {
		if name == "classroom" {
			args = append(args, "./classroom")
			continue
		}
		args = append(args, "../gen/cmd/"+name)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	binaries.dirs[key] = dir
	return dir
}

// A stand is the processes of one test, and the directory that they share.
type stand struct {
	t   *testing.T
	dir string
}

func newStand(t *testing.T) *stand { return &stand{t: t, dir: t.TempDir()} }

// A program is a binary with its settings, which can run many times.
type program struct {
	stand *stand
	name  string
	path  string
	args  []string
	env   []string
	addr  string // where it serves HTTP; empty when it does not

	mu   sync.Mutex
	runs int
	now  *process // nil while it does not run
	log  *lineLog
}

// program describes a program of the stand that serves HTTP on a port of its
// own. env holds further settings, KEY=value.
func (s *stand) program(name, path string, args []string, env ...string) *program {
	s.t.Helper()
	log, err := newLineLog(filepath.Join(s.dir, name+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	p := &program{stand: s, name: name, path: path, args: args, addr: loopback.Must(s.t), log: log}
	p.env = append([]string{"PL_HTTP_ADDR=" + p.addr, "PL_ADMIN_ADDR=127.0.0.1:0", "PL_DATA_DIR=" + filepath.Join(s.dir, "data"),
		"PL_OIDC_ISSUER=" + issuer.URL, "PL_SERVICE_SECRET=" + serviceSecret, "PL_RATE_LIMIT=0"}, env...)
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("the end of %s's log:\n%s", name, log.tail(20))
		}
		log.Close()
	})
	return p
}

func (p *program) url() string { return "http://" + p.addr }

// A process is one run of a program.
type process struct {
	cmd    *exec.Cmd
	stdout *lockedText
	ended  chan struct{}
	err    error // of Wait, once ended is closed
}

// start runs the program and does not wait until it is ready.
func (p *program) start() *process {
	p.stand.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs++
	run := &process{cmd: exec.Command(p.path, p.args...), stdout: &lockedText{}, ended: make(chan struct{})}
	run.cmd.Dir = p.stand.dir
	run.cmd.Env = append(cleanEnviron(), p.env...)
	run.cmd.Stdout = run.stdout
	run.cmd.Stderr = p.log.writer(p.runs)
	if err := run.cmd.Start(); err != nil {
		p.stand.t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		run.err = run.cmd.Wait()
		close(run.ended)
	}()
	p.now = run
	return run
}

// kill ends the program as kill -9 does and waits until it is gone. A program
// that does not run is left alone.
func (p *program) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return
	}
	_ = p.now.cmd.Process.Kill() // it may have ended by itself
	<-p.now.ended
	p.now = nil
}

// signal sends a signal to the running program.
func (p *program) signal(s syscall.Signal) {
	p.stand.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		p.stand.t.Fatalf("%s does not run", p.name)
	}
	if err := p.now.cmd.Process.Signal(s); err != nil {
		p.stand.t.Fatalf("send %v to %s: %v", s, p.name, err)
	}
}

// startReady starts the program and waits until it is ready.
func (p *program) startReady() {
	p.stand.t.Helper()
	run := p.start()
	p.awaitReady(run, 30*time.Second)
}

func (p *program) awaitReady(run *process, within time.Duration) {
	p.stand.t.Helper()
	await(p.stand.t, within, func() error {
		select {
		case <-run.ended:
			p.stand.t.Fatalf("%s ended instead of becoming ready: %v\n%s", p.name, run.err, p.log.tail(20))
		default:
		}
		status, body, err := get(p.stand.t.Context(), p.url()+"/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s is not ready: %s", p.name, body)
		}
		return err
	})
}

// exit waits for the end of the run and returns its exit code.
func (r *process) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		t.Fatalf("the process has not ended after %s", within)
		return -1
	}
}

// await calls check until it returns nil. It fails the test with its last
// error when that takes longer than within.
func await(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := poll(ctx, check); err != nil {
		t.Fatalf("not within %s: %v", within, err)
	}
}

// poll calls check until it returns nil, or ctx ends.
func poll(ctx context.Context, check func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// cleanEnviron is the environment without settings of the platform.
func cleanEnviron() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PL_") {
			env = append(env, entry)
		}
	}
	return env
}
