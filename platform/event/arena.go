package event

import (
	"strings"
	"sync"
)

// An arena gives the envelopes and headers of many events their memory: one
// allocation for dozens of events in place of several an event. What it gave
// away is never written again, and is freed when none of those events is in
// use any more.
type arena struct {
	text       strings.Builder // of envelopes
	extensions []Extension
	values     []byte // of headers
	headers    []Header
}

// What an arena allocates at a time. A quarter of it goes to one event at most.
const (
	arenaText       = 8 << 10
	arenaExtensions = 64
	arenaHeaders    = 512
)

var arenas = sync.Pool{New: func() any { return new(arena) }}

// join returns the values of all headers in one string.
func (a *arena) join(headers []Header) string {
	size := 0
	for i := range headers {
		size += len(headers[i].Value)
	}
	text := &a.text
	switch {
	case size > arenaText/4:
		text = new(strings.Builder)
		text.Grow(size)
	case text.Cap()-text.Len() < size:
		text.Reset()
		text.Grow(arenaText)
	}
	start := text.Len()
	for i := range headers {
		text.Write(headers[i].Value)
	}
	return text.String()[start:]
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
