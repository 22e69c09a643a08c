//go:build unix

package conformance

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSuite runs every case that applies, and knows of none that fails.
func TestSuite(t *testing.T) {
	programs := build(t)
	for _, test := range []struct {
		mode  string
		cases int // that there are
	}{{"server", 1900}, {"client", 55}} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "connectconformance"),
				"--mode", test.mode, "--conf", test.mode+".yaml", "--", filepath.Join(programs, test.mode))
			out, err := cmd.CombinedOutput()
			for failure := range strings.SplitSeq(string(out), "\nFAILED: ") {
				if name, why, ok := strings.Cut(failure, ":\n"); ok && err != nil {
					t.Errorf("%s: %s", name, why)
				}
			}
			passed, failed := counts(t, string(out))
			t.Logf("report: %d cases of Connect's conformance suite passed, %d failed", passed, failed)
			if err != nil || failed > 0 || passed < test.cases {
				t.Errorf("%d cases passed, of %d that there are, and %d failed: %v", passed, test.cases, failed, err)
			}
		})
	}
}

var summary = regexp.MustCompile(`(?m)^(\d+) passed, (\d+) failed$`)

// counts reads what the suite says at its end.
func counts(t *testing.T, out string) (passed, failed int) {
	t.Helper()
	m := summary.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("the suite has not come to its end:\n%s", out)
	}
	passed, _ = strconv.Atoi(m[1]) // digits
	failed, _ = strconv.Atoi(m[2])
	return passed, failed
}

// build builds the suite's runner and what it runs, from a module of their own
// that keeps the suite's dependencies out of this one.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "./server", "./client", "connectrpc.com/conformance/cmd/connectconformance")
	cmd.Dir = "../strangers"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the suite: %v (go mod download in e2e/strangers fetches what it needs)\n%s", err, out)
	}
	return dir
}
