//go:build unix

package registry

import (
	"os"
	"syscall"
)

// lock takes the file for this process; the system releases it when the file
// is closed or the process dies.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
