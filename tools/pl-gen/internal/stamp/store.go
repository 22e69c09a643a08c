package stamp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/disk"
)

// header names the format; a store of another one is read as empty.
const header = "pl-gen stamps 1\n"

// Open returns the store kept in file for the tree below root. A file that is
// absent or damaged makes an empty store: everything is read again.
func Open(root, file string) *Store {
	s := &Store{root: root, known: map[string]Stamp{}, seen: map[string]Stamp{}}
	text, err := os.ReadFile(file)
	if body, ok := bytes.CutPrefix(text, []byte(header)); err == nil && ok {
		s.known = parse(body)
	}
	return s
}

// Save writes the stamps of all files that were asked for since Open, when
// they differ from what was read.
func (s *Store) Save(file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stale && len(s.seen) == len(s.known) {
		return nil
	}
	if err := disk.Write(file, s.format()); err != nil {
		return fmt.Errorf("keep file stamps: %w", err)
	}
	return nil
}

func (s *Store) format() []byte {
	b := []byte(header)
	for _, path := range slices.Sorted(maps.Keys(s.seen)) {
		st := s.seen[path]
		b = hex.AppendEncode(b, st.sum[:])
		for _, n := range []int64{st.size, st.modified, st.changed, int64(st.inode)} {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
		b = append(append(append(b, ' '), path...), '\n')
	}
	return b
}

func parse(body []byte) map[string]Stamp {
	known := make(map[string]Stamp, bytes.Count(body, []byte("\n")))
	for line := range bytes.Lines(body) {
		path, st, ok := parseLine(line)
		if !ok {
			return map[string]Stamp{}
		}
		known[path] = st
	}
	return known
}

func parseLine(line []byte) (string, Stamp, bool) {
	var st Stamp
	sum, rest, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if n, err := hex.Decode(st.sum[:], sum[:min(len(sum), 2*len(st.sum))]); !ok || err != nil || n != len(st.sum) {
		return "", st, false
	}
	var numbers [4]int64
	for i := range numbers {
		var field []byte
		var err error
		field, rest, ok = bytes.Cut(rest, []byte(" "))
		if numbers[i], err = strconv.ParseInt(string(field), 10, 64); !ok || err != nil {
			return "", st, false
		}
	}
	st.size, st.modified, st.changed, st.inode = numbers[0], numbers[1], numbers[2], uint64(numbers[3])
	return string(rest), st, true
}
