package userprofile_test

import (
	"testing"

	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, ada is registered once, and everybody hears of it.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) { registerAda(h) }, nil)
}
