package faults

import "syscall"

// endWithParent kills a process when the one that started it ends without stopping it.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
