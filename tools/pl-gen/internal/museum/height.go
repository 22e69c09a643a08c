package museum

import (
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A heights knows how deep the smallest datum of each record nests: 1 for a
// record without records. It is endless for one that always contains itself.
type heights map[*avro.Schema]int

const endless = 1 << 20

// heightsOf looks at every record of a schema. Each round settles the records
// that nest one deeper than those of the round before.
func heightsOf(s *avro.Schema) heights {
	h := heights{}
	for t := range source.Types(s) {
		if t.Kind == avro.Record {
			h[t] = endless
		}
	}
	for changed := true; changed; {
		changed = false
		for record, before := range h {
			if now := h.record(record); now < before {
				h[record], changed = now, true
			}
		}
	}
	return h
}

func (h heights) record(s *avro.Schema) int {
	deepest := 0
	for _, f := range s.Fields {
		deepest = max(deepest, h.of(f.Type))
	}
	return min(deepest+1, endless)
}

// of returns the height of a type; lists are empty.
func (h heights) of(s *avro.Schema) int {
	switch {
	case s.Kind == avro.Record:
		return h[s]
	case len(s.Branches) > 0:
		return h.of(s.Branches[h.flattest(s)])
	}
	return 0
}

// flattest returns the first of a union's branches with the least height.
func (h heights) flattest(union *avro.Schema) int {
	best := 0
	for i, b := range union.Branches {
		if h.of(b) < h.of(union.Branches[best]) {
			best = i
		}
	}
	return best
}
