package source

import (
	"iter"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// Types returns the types that a schema is made of, itself first, in the order
// of the text, and each once. The nil schema has none.
func Types(s *avro.Schema) iter.Seq[*avro.Schema] {
	return func(yield func(*avro.Schema) bool) { eachType(s, map[*avro.Schema]bool{}, yield) }
}

// eachType returns false when yield wants no more.
func eachType(s *avro.Schema, seen map[*avro.Schema]bool, yield func(*avro.Schema) bool) bool {
	if s == nil || seen[s] {
		return true
	}
	seen[s] = true
	if !yield(s) {
		return false
	}
	for _, f := range s.Fields {
		if !eachType(f.Type, seen, yield) {
			return false
		}
	}
	for _, b := range s.Branches {
		if !eachType(b, seen, yield) {
			return false
		}
	}
	return eachType(s.Items, seen, yield)
}

// Uses reports whether a schema is the other, or has it somewhere inside.
func Uses(s, other *avro.Schema) bool {
	for t := range Types(s) {
		if t == other {
			return true
		}
	}
	return false
}
