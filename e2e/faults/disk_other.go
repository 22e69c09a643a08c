//go:build !linux

package faults

func mount(string, int) error { return ErrNoDisk }

func unmount(string) error { return ErrNoDisk }
