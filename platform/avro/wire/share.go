package wire

import (
	"strings"
	"sync"
)

// SharedText is how many bytes strings share at most, and so how much one kept
// string can hold in memory beyond itself.
const SharedText = 8 << 10

// A Text gives strings their memory: one allocation for dozens of them. What it
// gave away is never written again, and is freed when none of those strings is
// in use any more. The zero Text is ready for use, by one goroutine.
type Text struct{ chunk strings.Builder }

// Copy returns b as a string. One that takes more than a quarter of
// [SharedText] gets memory of its own.
func (t *Text) Copy(b []byte) string {
	if len(b) > SharedText/4 {
		return string(b)
	}
	if t.chunk.Cap()-t.chunk.Len() < len(b) {
		t.chunk.Reset()
		t.chunk.Grow(SharedText)
	}
	start := t.chunk.Len()
	t.chunk.Write(b)
	return t.chunk.String()[start:]
}

var texts = sync.Pool{New: func() any { return new(Text) }}

// share copies b into memory that the messages of all decoders share.
func share(b []byte) string {
	t := texts.Get().(*Text)
	s := t.Copy(b)
	texts.Put(t)
	return s
}
