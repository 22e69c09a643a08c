// Package plantest holds planned files against those that are committed.
package plantest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Committed fails the test unless the repository at root has the file as it is
// planned.
func Committed(tb testing.TB, root string, f plan.File) {
	tb.Helper()
	committed, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Path)))
	if err != nil {
		tb.Error(err)
	} else if !bytes.Equal(committed, f.Content) {
		tb.Errorf("%s is not what is planned; run pl-gen generate", f.Path)
	}
}
