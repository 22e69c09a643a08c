package event

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// NewID returns a new event id: a UUID of version 7 in its text form. Ids of
// one process sort in the order in which they were made. Call it once an
// event: an id made again for a retry would be another event.
func NewID() string { return NewIDAt(time.Now()) }

// NewIDAt is NewID for callers who have read the clock, which is a third of the
// cost. Ids rise also when at does not.
func NewIDAt(at time.Time) string { return formatID(ids.next(at)) }

// formatID returns the text form of the two halves of an id.
func formatID(high, low uint64) string {
	var text [36]byte
	middle, next := hexDigits(uint32(high)), hexDigits(uint32(low>>32))
	binary.BigEndian.PutUint64(text[0:], hexDigits(uint32(high>>32)))
	binary.BigEndian.PutUint32(text[9:], uint32(middle>>32))
	binary.BigEndian.PutUint32(text[14:], uint32(middle))
	binary.BigEndian.PutUint32(text[19:], uint32(next>>32))
	binary.BigEndian.PutUint32(text[24:], uint32(next))
	binary.BigEndian.PutUint64(text[28:], hexDigits(uint32(low)))
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// hexDigits returns the eight digits of x, the first in the highest byte. It
// spreads them to a byte each, and then makes letters of those above nine.
func hexDigits(x uint32) uint64 {
	const ones = 0x0101010101010101
	d := uint64(x)
	d = (d | d<<16) & 0x0000ffff0000ffff
	d = (d | d<<8) & 0x00ff00ff00ff00ff
	d = (d | d<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (d + 6*ones) >> 4 & ones
	return d + '0'*ones + letters*('a'-'0'-10)
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
