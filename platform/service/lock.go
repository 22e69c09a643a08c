package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errLocked is returned by lockFile when another process holds the lock.
var errLocked = errors.New("locked")

// A dirLock keeps other processes from embedding a broker in the same
// directory. The system releases it when the process ends, however it ends.
type dirLock struct{ file *os.File }

// lockDir creates dir and locks it. The lock file holds the owner's pid.
func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, unusable(err)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, unusable(err)
	}
	if err := lockFile(file); err != nil {
		defer file.Close()
		if errors.Is(err, errLocked) {
			return nil, &ConfigError{fmt.Errorf("%s is in use by another hub%s: stop that one, or set PL_DATA_DIR to another directory", dir, owner(path))}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := writePID(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &dirLock{file}, nil
}

func unusable(err error) error {
	return &ConfigError{fmt.Errorf("PL_DATA_DIR: set it to a directory that this process may create or write to: %w", err)}
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func owner(path string) string {
	text, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(text))
	if err != nil || pid == "" {
		return ""
	}
	return " (pid " + pid + ")"
}

// Close releases the lock.
func (l *dirLock) Close() error { return l.file.Close() }
