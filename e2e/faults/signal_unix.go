//go:build unix

package faults

import (
	"fmt"
	"syscall"
)

// Pause stops the process with the number pid where it is.
func Pause(pid int) error { return send(pid, syscall.SIGSTOP) }

// Resume lets a paused process go on.
func Resume(pid int) error { return send(pid, syscall.SIGCONT) }

// Kill ends the process with the number pid at once, and does not wait.
func Kill(pid int) error { return send(pid, syscall.SIGKILL) }

func send(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil {
		return fmt.Errorf("send signal %v to process %d: %w", s, pid, err)
	}
	return nil
}
