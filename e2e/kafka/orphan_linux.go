package kafka

import "syscall"

// endWithParent kills a process when the test binary ends without stopping it.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
