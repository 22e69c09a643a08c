//go:build unix

package cli

import "syscall"

// apart keeps the terminal's Ctrl-C from the hub, which would take it and
// dev's own signal for two, and not drain.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
