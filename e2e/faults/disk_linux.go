package faults

import (
	"errors"
	"fmt"
	"syscall"
)

func mount(dir string, megabytes int) error {
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=755", megabytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("%w: %w", ErrNoDisk, err)
	}
	return err
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
