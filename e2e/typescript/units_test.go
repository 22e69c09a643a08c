package typescript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestRecentNode(t *testing.T) {
	for version, want := range map[string]bool{
		"v20.19.0\n": true, "v20.20.2\n": true, "v22.1.0\n": true, "v100.0.0\n": true,
		"v20.18.3\n": false, "v18.19.0\n": false, "v9.99.0\n": false, "": false, "20.19.0": false, "v20": false,
	} {
		if got := recent(version); got != want {
			t.Errorf("%q: got %t", version, got)
		}
	}
}

// A result is one test of Node's runner.
type result struct {
	Name, File, Why string
	Passed, Skipped bool
}

// TestUnits runs the tests of platform/ts with Node's own runner; each is a
// test here too, so that it is counted.
func TestUnits(t *testing.T) {
	t.Parallel()
	Build(t)
	runNode(t, 100, nil, "platform/ts/dist-test/test/*.test.js")
}

// TestClients runs the tests of gen/sdk/ts that need no hub.
func TestClients(t *testing.T) {
	t.Parallel()
	Build(t)
	runNode(t, 45, nil, "e2e/typescript/sdk/dist/realtime.test.js", "e2e/typescript/sdk/dist/oidc.test.js")
}

// runNode runs the tests of files, at least so many.
func runNode(t *testing.T, least int, env []string, patterns ...string) {
	t.Helper()
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no tests in %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	reporter, err := filepath.Abs(filepath.Join(root, "platform/ts/test/reporter.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"--test", "--test-force-exit", "--test-reporter=" + reporter}, files...)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	results := parse(t, out)
	if err != nil && len(results) == 0 {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
	failed := 0
	for _, r := range results {
		t.Run(filepath.Base(r.File)+"/"+r.Name, func(t *testing.T) {
			switch {
			case r.Skipped:
				t.Skip("skipped by Node's runner")
			case !r.Passed:
				failed++
				t.Error(r.Why)
			}
		})
	}
	if err != nil && failed == 0 {
		t.Errorf("node --test: %v, although no test failed", err)
	}
	if len(results) < least {
		t.Errorf("only %d tests ran, want %d at least", len(results), least)
	}
}

func parse(t *testing.T, out []byte) []result {
	t.Helper()
	var results []result
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("the reporter wrote %q: %v", lines.Text(), err)
		}
		results = append(results, r)
	}
	return results
}
