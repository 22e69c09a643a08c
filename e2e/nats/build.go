package nats

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// program is the path of nats-server, built from the module that go.mod pins.
var program = sync.OnceValues(build)

// need returns the server's program. Without it, it skips the test, and fails
// it when CI is true.
func need(tb testing.TB) string {
	tb.Helper()
	path, err := program()
	switch {
	case err != nil && os.Getenv("CI") == "true":
		tb.Fatalf("CI=true requires a nats-server process: %v", err)
	case err != nil:
		tb.Skipf("NOT TESTED ON A NATS-SERVER PROCESS: %v", err)
	}
	return path
}

func build() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(mod) != "go.mod" {
		return "", fmt.Errorf("find the module: %q: %w", mod, errors.Join(err, errors.New("no go.mod above the working directory")))
	}
	bin := filepath.Join(filepath.Dir(mod), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(bin, "nats-server")
	// Another test may be running the program that is there.
	own := fmt.Sprintf("%s.%d", path, os.Getpid())
	if out, err := exec.Command("go", "build", "-o", own, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nats-server: %w\n%s", err, out)
	}
	return path, os.Rename(own, path)
}
