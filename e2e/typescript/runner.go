package typescript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A result is one test of Node's runner.
type result struct {
	Name, File, Why string
	Passed, Skipped bool
}

// testWithin bounds each file, in milliseconds.
const testWithin = "180000"

// RunTests runs files with Node's own runner, those that patterns name from the
// repository's root; each of their tests is one of t too, so that it is
// counted. least is how many there have to be; env is added to the environment.
func RunTests(t *testing.T, least int, env []string, patterns ...string) {
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
	args := []string{"--experimental-websocket", "--disable-warning=ExperimentalWarning", "--test", "--test-force-exit", "--test-timeout=" + testWithin, "--test-reporter=" + reporter}
	cmd := exec.CommandContext(t.Context(), "node", append(args, files...)...)
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
