// Package stamp remembers the content hashes of files by what the file system
// says about them, so that a run in which nothing changed reads nothing. A
// file whose stamp differs, or that was written so recently that its time
// cannot tell two versions apart, is read again.
package stamp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A Sum is the SHA-256 of a file's content.
type Sum [sha256.Size]byte

// Of returns the sum of a content.
func Of(content []byte) Sum { return sha256.Sum256(content) }

// A Stamp is what identified a file's content when it was last read.
type Stamp struct {
	size, modified, changed int64
	inode                   uint64
	sum                     Sum
}

// settle is the age from which a file's times are trusted: file systems count
// in ticks of up to some milliseconds, and a file may be written twice in one.
const settle = 50 * time.Millisecond

// A Store knows the sums of files below a root. The zero Store is not usable;
// call [Open]. It is safe for concurrent use.
type Store struct {
	root   string
	mu     sync.Mutex
	known  map[string]Stamp
	seen   map[string]Stamp
	stale  bool
	hashed int
}

// Sum returns the sum of the file at path, which is relative to the root or
// absolute. The error is fs.ErrNotExist when there is no such file.
func (s *Store) Sum(path string) (Sum, error) {
	full := s.full(path)
	info, err := os.Lstat(full)
	if err != nil {
		return Sum{}, err
	}
	now := of(info)
	s.mu.Lock()
	old, ok := s.known[path]
	s.mu.Unlock()
	now.sum = old.sum
	if ok && now == old {
		s.keep(path, old)
		return old.sum, nil
	}
	return s.read(path, full, now)
}

func (s *Store) full(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.root, filepath.FromSlash(path))
}

func (s *Store) read(path, full string, now Stamp) (Sum, error) {
	content, err := os.ReadFile(full)
	if err != nil {
		return Sum{}, fmt.Errorf("hash %s: %w", path, err)
	}
	now.sum = Of(content)
	if time.Since(time.Unix(0, now.modified)) < settle {
		now.modified = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[path], s.known[path] = now, now
	s.stale = true
	s.hashed++
	return now.sum, nil
}

func (s *Store) keep(path string, st Stamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[path] = st
}

// Hashed returns how many files were read because their stamps told nothing.
func (s *Store) Hashed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hashed
}

// Is reports whether the file at path exists with that content.
func (s *Store) Is(path string, want Sum) (bool, error) {
	sum, err := s.Sum(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && sum == want, err
}

// MarshalText writes the sum in hexadecimal.
func (s Sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Sum) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(s) {
		return fmt.Errorf("a sum has %d characters, not %d", hex.EncodedLen(len(s)), len(text))
	}
	_, err := hex.Decode(s[:], text)
	return err
}
