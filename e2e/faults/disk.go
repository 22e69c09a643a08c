package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrNoDisk means that no file system can be mounted here: that takes Linux,
// and root.
var ErrNoDisk = errors.New("a test cannot have a disk of its own on this system")

// A Disk is a small file system of its own that can be filled.
type Disk struct{ dir string }

// NewDisk mounts an empty file system of so many megabytes on a directory that
// exists. It is in memory.
func NewDisk(dir string, megabytes int) (*Disk, error) {
	if err := mount(dir, megabytes); err != nil {
		return nil, fmt.Errorf("mount a disk on %s: %w", dir, err)
	}
	return &Disk{dir}, nil
}

// Fill leaves no space at all.
func (d *Disk) Fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2] // what fits is written to the last byte
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Free takes away what Fill has put there.
func (d *Disk) Free() error { return os.Remove(d.ballast()) }

func (d *Disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// Close unmounts the file system, with everything that is on it.
func (d *Disk) Close() error { return unmount(d.dir) }
