package event

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestIDIsVersion7(t *testing.T) {
	var s idSource
	for _, at := range []int64{0, 1, 1_763_899_200_123, 7_258_118_400_000} {
		high, low := s.next(time.UnixMilli(at).Add(999_999))
		text := formatID(high, low)
		id, err := uuid.Parse(text)
		if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%v: version %d, variant %s, error %v", id, id.Version(), id.Variant(), err)
		}
		if binary.BigEndian.Uint64(id[:8]) != high || binary.BigEndian.Uint64(id[8:]) != low || id.String() != text {
			t.Fatalf("%016x %016x became %s", high, low, text)
		}
		if got := int64(high >> 16); got != at {
			t.Errorf("id says it was made at %d, want %d", got, at)
		}
	}
}

func TestNewIDsRiseAndDiffer(t *testing.T) {
	const makers, each = 4, 2000
	lists := make([][]string, makers)
	var wg sync.WaitGroup
	for i := range lists {
		wg.Go(func() {
			for range each {
				lists[i] = append(lists[i], NewID())
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, list := range lists {
		if !slices.IsSorted(list) {
			t.Error("ids of one goroutine do not rise")
		}
		for _, id := range list {
			seen[id] = true
		}
	}
	if len(seen) != makers*each {
		t.Errorf("%d of %d ids are different", len(seen), makers*each)
	}
}

// A clock that stands or goes back must not bring an id back.
func TestIDsRiseWithoutTheClock(t *testing.T) {
	var s idSource
	now := time.UnixMilli(1_763_899_200_123)
	last, _ := s.next(now)
	for i := range 10_000 {
		high, low := s.next(now.Add(-time.Duration(i)))
		if high <= last || high>>12&0xf != 7 || low>>62 != 2 {
			t.Fatalf("half %016x follows %016x, low half %016x", high, last, low)
		}
		last = high
	}
}

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = NewID()
	}
}

func BenchmarkNewIDAt(b *testing.B) {
	b.ReportAllocs()
	now := time.Now()
	for b.Loop() {
		_ = NewIDAt(now)
	}
}
