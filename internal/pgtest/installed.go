package pgtest

import (
	"syscall"
	"testing"
)

// Installed returns the directory of the installed server's programs, and the
// user to run them as, nil for the user of the test: for a test with a server
// of its own. Without programs the test is skipped, and fails when CI is true.
func Installed(tb testing.TB) (bin string, as *syscall.Credential) {
	tb.Helper()
	bin, err := binaries()
	missing(tb, err)
	if err == nil {
		as, err = identity()
	}
	if err != nil {
		tb.Fatalf("find PostgreSQL: %v", err)
	}
	return bin, as
}
