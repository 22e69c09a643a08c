package pgtest

import "syscall"

// endWithParent stops the server when the test binary is killed.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
