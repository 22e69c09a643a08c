//go:build !unix

package kafka

import "os"

// lock holds the file open. Where the system has no advisory locks, the busy
// port is what keeps a second broker away.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
