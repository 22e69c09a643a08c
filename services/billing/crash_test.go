package billing_test

import (
	"testing"
	"time"

	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, an invoice is issued once, and the next one gets
// the next number.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		issue(h, algebra())
	}, func(h *platformtest.Harness) {
		if got, want := issue(h, algebra()).GetNumber(), time.Now().UTC().Format("2006-")+"000002"; got != want {
			h.T.Errorf("the next number is %s, want %s", got, want)
		}
	})
}
