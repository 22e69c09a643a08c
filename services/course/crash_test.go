package course_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, the course is published once, and what was
// revoked stays revoked.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		course := published(h)
		if _, err := activate(h, "enrollment-1", "ada", course); err != nil {
			h.T.Fatal(err)
		}
		revoke(h, "enrollment-1")
	}, nil)
}
