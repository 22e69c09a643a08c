//go:build unix

package faults_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pulselearn/campus-hub/e2e/faults"
)

func TestADiskIsFullUntilItIsFreed(t *testing.T) {
	dir := t.TempDir()
	disk, err := faults.NewDisk(dir, 2)
	if errors.Is(err, faults.ErrNoDisk) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED WITH A FULL DISK: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, disk.Close()) })
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("one"), 0o600))
	must(t, disk.Fill())
	if err := os.WriteFile(file+"2", make([]byte, 5000), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a file was written to a full disk: %v", err)
	}
	must(t, disk.Free())
	must(t, os.WriteFile(file+"2", make([]byte, 5000), 0o600))
}
