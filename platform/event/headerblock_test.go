package event

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A block gives every event of a batch the headers that it has alone, also when
// events share attributes with the one before, callers append to what they got,
// and the block is used again.
func TestHeaderBlockIsAppendKafkaHeaders(t *testing.T) {
	var b HeaderBlock
	rapid.Check(t, func(t *rapid.T) {
		b.Reset()
		var got, want [][]Header
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := drawEnvelope(t)
			if rapid.Bool().Draw(t, "shared") {
				s := sample()
				e.Source, e.Type, e.DataContentType, e.Time = s.Source, s.Type, s.DataContentType, s.Time
			}
			if rapid.Bool().Draw(t, "no time") {
				e.Time = time.Time{}
			}
			got = append(got, append(b.AppendKafka(e), Header{"more", []byte(e.ID)}, Header{"yet more", nil}))
			want = append(want, append(AppendKafkaHeaders(nil, e), Header{"more", []byte(e.ID)}, Header{"yet more", nil}))
		}
		for i := range got {
			if !slices.EqualFunc(got[i], want[i], func(x, y Header) bool { return x.Key == y.Key && bytes.Equal(x.Value, y.Value) }) {
				t.Fatalf("event %d: %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func BenchmarkHeaderBlock(b *testing.B) {
	e := sample()
	var block HeaderBlock
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%1000 == 0 {
			block.Reset()
		}
		_ = block.AppendKafka(e)
	}
}
