package event

import (
	"strings"
	"sync"

	"github.com/pulselearn/campus-hub/platform/avro/wire"
)

// An arena gives the envelopes and headers of many events their memory: one
// allocation for dozens of events in place of several an event. What it gave
// away is never written again, and is freed when none of those events is in
// use any more.
type arena struct {
	text       wire.Text // of envelopes
	extensions []Extension
	last       [lastAttributes]string // values of the attributes that most events share
	values     []byte                 // of headers
	headers    []Header
}

// What an arena allocates at a time. A quarter of it goes to one event at most.
const (
	arenaValues     = 8 << 10
	arenaExtensions = 64
	arenaHeaders    = 512
)

var arenas = sync.Pool{New: func() any { return new(arena) }}

// The attributes that most events share with the one before.
const (
	lastContentType = iota
	lastSource
	lastType
	lastSchema
	lastAttributes // how many there are
)

// remembered bounds the values that an arena keeps, in bytes.
const remembered = 256

// remember keeps the attributes of a valid event that the next is likely to
// share.
func (a *arena) remember(e *Envelope) {
	for i, value := range [...]string{e.DataContentType, e.Source, e.Type, e.DataSchema} {
		if a.last[i] != value && len(value) <= remembered {
			a.last[i] = strings.Clone(value)
		}
	}
}

// room returns an empty slice with a capacity of n. A nil arena has none to
// share.
func (a *arena) room(n int) []Extension {
	if a == nil {
		return make([]Extension, 0, n)
	}
	return carve(&a.extensions, n, arenaExtensions)
}

// carve cuts an empty slice with a capacity of n from what is left of chunk,
// which is replaced by one of the given size when that is too little.
func carve[T any](chunk *[]T, n, size int) []T {
	if n > size/4 {
		return make([]T, 0, n)
	}
	if cap(*chunk)-len(*chunk) < n {
		*chunk = make([]T, 0, size)
	}
	start := len(*chunk)
	*chunk = (*chunk)[:start+n]
	return (*chunk)[start : start : start+n]
}
