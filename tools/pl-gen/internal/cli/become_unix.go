//go:build unix

package cli

import "syscall"

// become replaces this process by a program: signals, also kill -9, reach it
// without a process in between, and its exit code is this command's.
func become(binary string, args, env []string) error {
	return syscall.Exec(binary, append([]string{binary}, args...), env)
}
