package billing_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, two payments have two invoices, whose numbers
// have no gap.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		issue(h, algebra())
		issue(h, algebra())
	}, nil)
}
