package compat

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// A Level says which earlier versions of a schema a new one has to agree with,
// and in which direction.
type Level string

// The levels of Confluent's registry.
const (
	None               Level = "NONE"
	Backward           Level = "BACKWARD"
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	Forward            Level = "FORWARD"
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"
	Full               Level = "FULL"
	FullTransitive     Level = "FULL_TRANSITIVE"
)

// ParseLevel reads a level in any case.
func ParseLevel(text string) (Level, error) {
	switch l := Level(strings.ToUpper(text)); l {
	case None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive:
		return l, nil
	}
	return "", fmt.Errorf("%q is no compatibility level; use none, backward, forward, full, backward_transitive, "+
		"forward_transitive or full_transitive", text)
}

// Transitive reports whether every earlier version counts, not only the last.
func (l Level) Transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }

// Backward reports whether the new schema has to read what earlier ones wrote.
func (l Level) Backward() bool { return l.either(Backward) || l.either(Full) }

// Forward reports whether earlier schemas have to read what the new one writes.
func (l Level) Forward() bool { return l.either(Forward) || l.either(Full) }

func (l Level) either(base Level) bool {
	return strings.TrimSuffix(string(l), "_TRANSITIVE") == string(base)
}

// A LevelViolation is one reason why a new version breaks a level.
type LevelViolation struct {
	// Version is the index of the earlier version in the history.
	Version int
	// NewReads is true when the new schema is the reader, and false when the
	// earlier version is.
	NewReads bool
	Incompatibility
}

// CheckLevel returns everything that keeps next from following the history,
// which is ordered from the oldest version to the newest. The newest version
// is checked first, and of one version what it cannot read of next before what
// next cannot read of it. An empty history allows everything. It panics on no
// input and is safe for concurrent use.
func CheckLevel(level Level, history []*avro.Schema, next *avro.Schema) []LevelViolation {
	var found []LevelViolation
	for i := len(history) - 1; i >= 0; i-- {
		if level.Forward() {
			found = appendLevel(found, i, false, Check(history[i], next))
		}
		if level.Backward() {
			found = appendLevel(found, i, true, Check(next, history[i]))
		}
		if !level.Transitive() {
			break
		}
	}
	return found
}

func appendLevel(to []LevelViolation, version int, newReads bool, found []Incompatibility) []LevelViolation {
	for _, f := range found {
		to = append(to, LevelViolation{Version: version, NewReads: newReads, Incompatibility: f})
	}
	return to
}
