package tx_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestMutantsTurnTheSuiteRed builds the package with one guarantee taken out
// and expects a test to notice. The same build tags turn the crash tests of
// the whole system red.
func TestMutantsTurnTheSuiteRed(t *testing.T) {
	for tag, test := range map[string]string{
		"mutant_no_inbox":              "TestDuplicatesRunOnce",
		"mutant_no_fence":              "TestZombieCannotWrite",
		"mutant_retry_skips":           "TestKeyKeepsItsOrder",
		"mutant_publish_before_commit": "TestFailureIsHeldAndTheOthersGoOn",
		"mutant_relay_last_id":         "TestRelayFindsRowsThatAppearLate",
	} {
		t.Run(tag, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", tag, "-run", "^"+test+"$/^sqlite$", ".").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+test) {
				t.Errorf("%s did not fail: %v\n%s", test, err, out)
			}
		})
	}
}
