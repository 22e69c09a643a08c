//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// generator builds pl-gen once and returns its path.
var generator = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries.root, "pl-gen")
	out, err := exec.Command("go", "build", "-o", path, "../tools/pl-gen").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

// plGen returns a call of pl-gen in the repository at root.
func plGen(t *testing.T, root string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := generator()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--root", root}, args...)...)
	cmd.Env = cleanEnviron()
	return cmd
}

// runPlGen runs pl-gen to its end and checks its exit code. It returns what
// was printed to both outputs.
func runPlGen(t *testing.T, code int, root string, args ...string) string {
	t.Helper()
	out, err := plGen(t, root, args...).CombinedOutput()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Fatalf("pl-gen %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

// expect fails unless text has all of the parts.
func expect(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err := contains(text, part); err != nil {
			t.Error(err)
		}
	}
}

// A servedRegistry is a running "pl-gen registry serve".
type servedRegistry struct {
	cmd *exec.Cmd
	url string
	end chan error
}

func serveRegistry(t *testing.T, data string) *servedRegistry {
	t.Helper()
	cmd := plGen(t, "..", "registry", "serve", "--addr", "127.0.0.1:0", "--data", data)
	var log lockedText
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	where := regexp.MustCompile(`^registry +(http://127\.0\.0\.1:\d+)\n$`).FindStringSubmatch(line)
	if where == nil {
		t.Fatalf("it says %q (%v):\n%s", line, err, log.String())
	}
	r := &servedRegistry{cmd: cmd, url: where[1], end: make(chan error, 1)}
	go func() { r.end <- cmd.Wait() }()
	return r
}

func (r *servedRegistry) stop(t *testing.T, s syscall.Signal) error {
	t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.end:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("it has not ended 20 s after %v", s)
		return nil
	}
}

func TestRegistryServe(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "new")
	r := serveRegistry(t, data)
	busy := strings.TrimPrefix(r.url, "http://")
	expect(t, runPlGen(t, 1, "..", "registry", "serve", "--addr", busy, "--data", t.TempDir()), busy, "already in use", "--addr")
	expect(t, runPlGen(t, 1+1, "..", "registry", "serve", "--addr", "127.0.0.1:0", "--data", data), "in use by another hub")
	postSchema(t, r.url)
	if err := r.stop(t, syscall.SIGKILL); err == nil {
		t.Error("it ended well although it was killed")
	}
	r = serveRegistry(t, data)
	status, body, err := get(t.Context(), r.url+"/subjects/kept-value/versions/1")
	if err != nil || status != http.StatusOK {
		t.Errorf("what was registered before the kill is gone: %d %s %v", status, body, err)
	}
	if err := r.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// TestToolsWithoutGo runs pl-gen where there is no Go: with the hub beside it,
// and without any.
func TestToolsWithoutGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plan := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "pl-gen"), "--root", "..", "topics", "plan", "--brokers", "127.0.0.1:1")
		cmd.Env = []string{"PATH=" + dir}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	original, err := generator()
	if err != nil {
		t.Fatal(err)
	}
	copyProgram(t, original, filepath.Join(dir, "pl-gen"))
	out, err := plan()
	if err == nil {
		t.Error("there is no hub, and it ended well")
	}
	expect(t, out, "install Go, or put the hub there")
	copyProgram(t, filepath.Join(build(t, "", "hub"), "hub"), filepath.Join(dir, "hub"))
	out, err = plan()
	if err == nil {
		t.Error("there is no broker, and it ended well")
	}
	expect(t, out, "no broker answers at 127.0.0.1:1")
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err == nil {
		return // a copy that is free, on one file system
	}
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o755); err != nil {
		t.Fatal(err)
	}
}

func postSchema(t *testing.T, url string) {
	t.Helper()
	response, err := http.Post(url+"/subjects/kept-value/versions", "application/vnd.schemaregistry.v1+json", strings.NewReader(`{"schema":"\"string\""}`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
}

// TestToolsPrepareProduction prepares a broker and a registry as operators do,
// with pl-gen, and starts a service that creates nothing, registers nothing
// and whose registry is down.
func TestToolsPrepareProduction(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	broker := s.hub(t, "broker")
	broker.start()
	kafka, registry := broker.setting("PL_EMBEDDED_KAFKA_ADDR"), "http://"+broker.setting("PL_EMBEDDED_REGISTRY_ADDR")
	await(t, 20*time.Second, func() error { _, _, err := get(t.Context(), registry+"/subjects"); return err })

	prepareTopics(t, kafka)
	root := contractsOnly(t)
	expect(t, runPlGen(t, 0, root, "register", "--registry", registry, "--env", "e2e", "--dry-run"), "would register version 1")
	expect(t, runPlGen(t, 0, root, "register", "--registry", registry, "--env", "e2e"), "registered version 1", "e2e.lock")
	expect(t, runPlGen(t, 0, root, "register", "--registry", registry, "--env", "e2e"), "are up to date")
	lock := filepath.Join(root, "contracts", "registry", "e2e.lock")

	quiz := s.program("quiz", filepath.Join(build(t, "", services...), "quiz"), nil,
		"PL_KAFKA_BROKERS="+kafka, "PL_REGISTRY_URL=http://127.0.0.1:1", "PL_REGISTRY_LOCK="+lock)
	migrate(t, quiz)
	quiz.startReady()
	quiz.kill()
	refuseForeignLock(t, quiz, lock)
}

func prepareTopics(t *testing.T, kafka string) {
	t.Helper()
	expect(t, runPlGen(t, 100, "..", "topics", "drift", "--brokers", kafka), "+ pl.quiz.quiz_completed.v1.achievement.dlq")
	expect(t, runPlGen(t, 0, "..", "topics", "plan", "--brokers", kafka), "0 to change, 0 to delete, 0 refused")
	runPlGen(t, 0, "..", "topics", "apply", "--brokers", kafka)
	expect(t, runPlGen(t, 0, "..", "topics", "drift", "--brokers", kafka), "as the contracts say")
	expect(t, runPlGen(t, 1, "..", "topics", "plan", "--brokers", "127.0.0.1:1"), "no broker answers at 127.0.0.1:1")
}

// contractsOnly is a copy of what register reads, so that its lock is not
// written into this repository.
func contractsOnly(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "contracts"), os.DirFS("../contracts")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func migrate(t *testing.T, p *program) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.path, "migrate")
	cmd.Env, cmd.Dir = append(cleanEnviron(), p.env...), p.stand.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
}

// refuseForeignLock starts the program with the lock of another commit.
func refuseForeignLock(t *testing.T, p *program, lock string) {
	t.Helper()
	text, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	other := regexp.MustCompile(`(?m)^(pl\.quiz\.\S+ \d+ \d+) \S+$`).ReplaceAll(text, []byte("$1 00000000000000ff"))
	if bytes.Equal(text, other) {
		t.Fatalf("the lock has no quiz event:\n%s", text)
	}
	if err := os.WriteFile(lock, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := p.start().exit(t, 30*time.Second); code == 0 {
		t.Error("it ended well")
	}
	expect(t, p.log.tail(10), "does not match this binary", "00000000000000ff in version 1", "the lock of the same commit")
}
