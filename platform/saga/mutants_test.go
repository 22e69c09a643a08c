package saga_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMutantsTurnTheSuiteRed builds the package with one guarantee taken out
// and expects a test to notice.
func TestMutantsTurnTheSuiteRed(t *testing.T) {
	for tag, test := range map[string]string{
		"mutant_saga_fresh_key":   "TestEveryFailureAtEveryCall",
		"mutant_saga_no_own_undo": "TestEveryFailureAtEveryCall",
		"mutant_saga_no_fence":    "TestZombieCannotWrite",
	} {
		t.Run(tag, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", tag, "-run", "^"+test+"$/^sqlite$", ".").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+test) {
				t.Errorf("%s did not fail: %v\n%s", test, err, out)
			}
		})
	}
}
