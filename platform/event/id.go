package event

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"
)

// NewID returns a new event id: a UUID of version 7 in its text form. Ids of
// one process sort in the order in which they were made. Call it once an
// event: an id made again for a retry would be another event.
func NewID() string {
	high, low := ids.next(time.Now())
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return formatID(&id)
}

func formatID(id *[16]byte) string {
	var text [36]byte
	hex.Encode(text[0:8], id[0:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:36], id[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

var ids idSource

// An idSource makes the two halves of ids: milliseconds and their fraction in
// 1/4096, which always rise (RFC 9562, section 6.2, method 3), and 62 random
// bits. Random bytes are fetched for many ids at a time, and used once.
type idSource struct {
	mu     sync.Mutex
	last   uint64 // milliseconds and fraction of the newest id
	random [64 * 8]byte
	left   int // bytes of random that are not used
}

func (s *idSource) next(now time.Time) (high, low uint64) {
	const version, variant = 7 << 12, 2 << 62
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := uint64(now.UnixNano())
	s.last = max(ns/1e6<<12|ns%1e6<<12/1e6, s.last+1)
	return s.last>>12<<16 | version | s.last&0xfff, variant | s.take()>>2
}

func (s *idSource) take() uint64 {
	if s.left == 0 {
		_, _ = rand.Read(s.random[:]) // never fails
		s.left = len(s.random)
	}
	s.left -= 8
	place := s.random[s.left : s.left+8]
	n := binary.NativeEndian.Uint64(place)
	clear(place)
	return n
}
