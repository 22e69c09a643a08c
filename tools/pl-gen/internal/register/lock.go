package register

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Lock is what a file contracts/registry/<env>.lock says: which id each
// version of a schema has in the registry of one environment. Services that
// start with the file need no registry for it.
//
// The file has one line a version, "subject id version fingerprint", sorted,
// so that two branches that register different events merge by themselves.
// Lines that begin with # are comments.
type Lock []Entry

// An Entry is one line of a lock.
type Entry struct {
	Subject     string `json:"subject"`
	ID          int    `json:"id"`
	Version     int    `json:"version"`
	Fingerprint uint64 `json:"-"`
}

const lockHeader = `# Written by "pl-gen register"; do not edit. Merging keeps the lines of both sides.
# subject id version fingerprint
`

var envPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// LockPath returns the path of an environment's lock, relative to the
// repository's root. The error says what a name has to look like.
func LockPath(env string) (string, error) {
	if !envPattern.MatchString(env) {
		return "", fmt.Errorf("environment %q is not a name of lower-case letters, digits and dashes, such as staging", env)
	}
	return "contracts/registry/" + env + ".lock", nil
}

// ParseLock reads a lock, whose lines may be in any order and repeated, as a
// merge leaves them. The error names the line.
func ParseLock(text []byte) (Lock, error) {
	var lock Lock
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		lock = append(lock, e)
	}
	lock.sort()
	return slices.Compact(lock), lines.Err()
}

func parseEntry(line string) (Entry, error) {
	words := strings.Fields(line)
	if len(words) != 4 {
		return Entry{}, fmt.Errorf("has %d words, not subject, id, version and fingerprint; delete the file and register again", len(words))
	}
	id, err1 := strconv.Atoi(words[1])
	version, err2 := strconv.Atoi(words[2])
	fingerprint, err3 := strconv.ParseUint(words[3], 16, 64)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return Entry{}, fmt.Errorf("is no entry: %w; delete the file and register again", err)
	}
	return Entry{Subject: words[0], ID: id, Version: version, Fingerprint: fingerprint}, nil
}

// Bytes returns the lock as its file has it.
func (l Lock) Bytes() []byte {
	b := bytes.NewBufferString(lockHeader)
	for _, e := range l {
		fmt.Fprintf(b, "%s %d %d %016x\n", e.Subject, e.ID, e.Version, e.Fingerprint)
	}
	return b.Bytes()
}

func (l Lock) sort() {
	slices.SortFunc(l, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// With returns the lock brought up to date with what a registry says now.
// Older versions are kept, because records that were written with them may
// still wait in an outbox; but not those of a registry that gave a schema
// another id than the lock knew, for then it is another registry.
func (l Lock) With(now Lock) Lock {
	foreign := l.contradicted(now)
	next := slices.Clone(now)
	for _, old := range l {
		if !foreign[old.Subject] && !slices.ContainsFunc(now, func(e Entry) bool { return e.Subject == old.Subject && e.Version == old.Version }) {
			next = append(next, old)
		}
	}
	next.sort()
	return next
}

// contradicted returns the subjects about which the lock and now disagree.
func (l Lock) contradicted(now Lock) map[string]bool {
	type schema struct {
		subject     string
		fingerprint uint64
	}
	known := map[schema]Entry{}
	for _, e := range now {
		known[schema{e.Subject, e.Fingerprint}] = e
	}
	found := map[string]bool{}
	for _, old := range l {
		if e, ok := known[schema{old.Subject, old.Fingerprint}]; ok && e != old {
			found[old.Subject] = true
		}
	}
	return found
}
