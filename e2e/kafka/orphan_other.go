//go:build !linux

package kafka

import "syscall"

// endWithParent can do nothing here: the broker of a test binary that was
// killed has to be stopped by hand.
func endWithParent() *syscall.SysProcAttr { return nil }
