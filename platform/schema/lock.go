package schema

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Lock holds the registry ids of schemas as "pl-gen register" wrote them
// down for one environment, contracts/registry/<env>.lock: one line a version,
// "subject id version fingerprint"; lines that begin with # are comments. A Lock is
// immutable and safe for concurrent use.
type Lock struct {
	path string
	ids  map[lockKey]int
	// newest is the highest version of each subject.
	newest map[string]lockLine
}

type lockKey struct {
	subject     string
	fingerprint uint64
}

type lockLine struct {
	lockKey
	id, version int
}

// ReadLock reads the lock at path. The error names the file and the line.
func ReadLock(path string) (*Lock, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("schema lock: %w", err)
	}
	l := &Lock{path: path, ids: map[lockKey]int{}, newest: map[string]lockLine{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := l.add(line); err != nil {
			return nil, fmt.Errorf("schema lock %s, line %d: %w; write the file anew with pl-gen register", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("schema lock %s: %w", path, err)
	}
	return l, nil
}

func (l *Lock) add(text string) error {
	line, err := parseLockLine(text)
	if err != nil {
		return err
	}
	if id, ok := l.ids[line.lockKey]; ok && id != line.id {
		return fmt.Errorf("gives the schema %016x of %s the id %d, and an earlier line %d", line.fingerprint, line.subject, line.id, id)
	}
	l.ids[line.lockKey] = line.id
	if line.version > l.newest[line.subject].version {
		l.newest[line.subject] = line
	}
	return nil
}

func parseLockLine(text string) (lockLine, error) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return lockLine{}, fmt.Errorf("has %d words, not subject, id, version and fingerprint", len(words))
	}
	id, err := strconv.Atoi(words[1])
	if err != nil || id < 0 {
		return lockLine{}, fmt.Errorf("has the id %q, which is no number", words[1])
	}
	version, err := strconv.Atoi(words[2])
	if err != nil || version < 1 {
		return lockLine{}, fmt.Errorf("has the version %q, which is no number from 1", words[2])
	}
	fingerprint, err := strconv.ParseUint(words[3], 16, 64)
	if err != nil || len(words[3]) != 16 {
		return lockLine{}, fmt.Errorf("has the fingerprint %q, which is not 16 hexadecimal digits", words[3])
	}
	return lockLine{lockKey{words[0], fingerprint}, id, version}, nil
}

// find returns the id of a schema. The error matches ErrUnknownSchema and
// says whether the subject or only this version of it is missing.
func (l *Lock) find(subject string, fingerprint uint64) (int, error) {
	if id, ok := l.ids[lockKey{subject, fingerprint}]; ok {
		return id, nil
	}
	newest, ok := l.newest[subject]
	if !ok {
		return 0, fmt.Errorf("schema lock %s does not have subject %s: register it with pl-gen register and deploy the new lock: %w", l.path, subject, ErrUnknownSchema)
	}
	return 0, fmt.Errorf("schema lock %s does not match this binary: subject %s has the fingerprint %016x in version %d, and the binary was built with %016x: "+
		"deploy the lock of the same commit, or register the schema with pl-gen register: %w",
		l.path, subject, newest.fingerprint, newest.version, fingerprint, ErrUnknownSchema)
}
