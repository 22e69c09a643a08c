package drivertest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
	"github.com/pulselearn/campus-hub/platform/event"
)

var contentTests = []test{
	{"a record arrives as it was published", func(s *suite) {
		sent := &driver.Record{
			Key: []byte("k\x00\xff"), Value: []byte("v\x00\xff"), Time: time.UnixMilli(1_700_000_000_123).UTC(),
			Headers: []event.Header{
				{Key: "b", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "b", Value: []byte("3")},
				{Key: "empty", Value: []byte{}}, {Key: "binary", Value: []byte{0, 0xff}},
			},
		}
		got := s.roundTrip(sent)
		s.sameHeaders(got.Headers, sent.Headers)
		if !got.Time.Equal(sent.Time) {
			s.Errorf("time %v, want %v", got.Time, sent.Time)
		}
	}},
	{"a nil header value stays nil", func(s *suite) {
		s.need(s.h.Features.NilHeaderValues, "nil header values")
		got := s.roundTrip(&driver.Record{Value: []byte("v"), Headers: []event.Header{{Key: "h"}}})
		if len(got.Headers) != 1 || got.Headers[0].Value != nil {
			s.Errorf("headers %v", got.Headers)
		}
	}},
	{"a nil key stays nil", func(s *suite) {
		s.roundTrip(&driver.Record{Value: []byte("v")})
	}},
	{"an empty key is no nil key", func(s *suite) {
		s.need(s.h.Features.EmptyKeys, "empty keys")
		s.roundTrip(&driver.Record{Key: []byte{}, Value: []byte("v")})
	}},
	{"a tombstone stays a tombstone", func(s *suite) {
		s.need(s.h.Features.Tombstones, "tombstones")
		s.roundTrip(&driver.Record{Key: []byte("k")})
	}},
	{"an empty value is no tombstone", func(s *suite) {
		s.roundTrip(&driver.Record{Key: []byte("k"), Value: []byte{}})
	}},
	{"a record of 900 KiB arrives", func(s *suite) {
		s.roundTrip(&driver.Record{Key: []byte("big"), Value: noise(900 << 10)})
	}},
}

// roundTrip publishes a record and returns it as it is fetched, with the same
// key and value.
func (s *suite) roundTrip(r *driver.Record) *driver.Record {
	s.Helper()
	conn := s.open()
	r.Topic = s.topic(conn, "content", 1)
	s.publish(conn, r)
	p := s.only(conn, r.Topic)
	s.seek(p, driver.Earliest)
	got := s.fetch(p, 1)[0]
	s.same("key", got.Key, r.Key)
	s.same("value", got.Value, r.Value)
	if got.Topic != r.Topic || got.Partition != 0 || got.Offset != 0 {
		s.Errorf("fetched from %s/%d at %d, want %s/0 at 0", got.Topic, got.Partition, got.Offset, r.Topic)
	}
	return got
}

func (s *suite) same(what string, got, want []byte) {
	s.Helper()
	if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		s.Errorf("%s of %d bytes (nil: %t), want %d bytes (nil: %t)", what, len(got), got == nil, len(want), want == nil)
	}
}

func (s *suite) sameHeaders(got, want []event.Header) {
	s.Helper()
	if s.h.Features.UnorderedHeaders {
		got, want = byName(got), byName(want)
	}
	equal := slices.EqualFunc(got, want, func(a, b event.Header) bool {
		return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
	})
	if !equal {
		s.Errorf("headers %v, want %v", got, want)
	}
}

// byName returns headers by name, those of one name in the order they had.
func byName(headers []event.Header) []event.Header {
	sorted := slices.Clone(headers)
	slices.SortStableFunc(sorted, func(a, b event.Header) int { return strings.Compare(a.Key, b.Key) })
	return sorted
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}
