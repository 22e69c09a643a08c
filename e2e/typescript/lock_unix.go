//go:build unix

package typescript

import (
	"os"
	"syscall"
)

// lock waits until no other process has the file locked.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close() // it is of no use
		return nil, err
	}
	return func() { _ = f.Close() }, nil // which gives the lock back
}
