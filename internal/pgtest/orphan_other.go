//go:build !linux

package pgtest

import "syscall"

// endWithParent can do nothing here: the server of a test binary that was
// killed has to be stopped by hand.
func endWithParent(*syscall.SysProcAttr) {}
