//go:build !linux

package faults

import "syscall"

// endWithParent can do nothing here: what a process started that was
// killed has to be stopped by hand.
func endWithParent() *syscall.SysProcAttr { return nil }
