package faults

import (
	"errors"
	"os"
)

// Pause fails: this system cannot stop a process and let it go on.
func Pause(int) error { return errors.ErrUnsupported }

// Resume fails like [Pause].
func Resume(int) error { return errors.ErrUnsupported }

// Kill ends the process with the number pid at once, and does not wait.
func Kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
