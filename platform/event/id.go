package event

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync/atomic"
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
// 1/4096, which always rise (RFC 9562, section 6.2, method 3), and 62 bits of
// the runtime's ChaCha8 generator. Ids are unique; they are no secrets.
type idSource struct {
	last atomic.Uint64 // milliseconds and fraction of the newest id
}

func (s *idSource) next(now time.Time) (high, low uint64) {
	const version, variant = 7 << 12, 2 << 62
	at := s.rise(uint64(now.UnixNano()))
	return at>>12<<16 | version | at&0xfff, variant | rand.Uint64()>>2
}

// rise returns the time, or what follows the newest id when that is later.
func (s *idSource) rise(ns uint64) uint64 {
	at := ns/1e6<<12 | ns%1e6<<12/1e6
	for {
		last := s.last.Load()
		if at <= last {
			at = last + 1
		}
		if s.last.CompareAndSwap(last, at) {
			return at
		}
	}
}
