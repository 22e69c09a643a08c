package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"
)

// TestAgainstTwmb resolves random data in both implementations, for schemas
// about which twmb and Java agree.
func TestAgainstTwmb(t *testing.T) {
	reader := twmb.MustParse(everythingReader)
	both, err := twmb.Resolve(twmb.MustParse(everythingWriter), reader)
	if err != nil {
		t.Fatal(err)
	}
	p := plan(t, everythingWriter, everythingReader)
	rapid.Check(t, func(t *rapid.T) {
		data := drawRecord(t, nil, 3)
		resolved, err := p.Append(nil, data)
		if err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		var ours, theirs any
		if rest, err := reader.Decode(resolved, &ours); err != nil || len(rest) > 0 {
			t.Fatalf("%x: %v, %d bytes left", resolved, err, len(rest))
		}
		if rest, err := both.Decode(data, &theirs); err != nil || len(rest) > 0 {
			t.Fatalf("%x: %v, %d bytes left", data, err, len(rest))
		}
		if !reflect.DeepEqual(ours, theirs) {
			a, _ := json.Marshal(ours)
			b, _ := json.Marshal(theirs)
			t.Fatalf("%x: ours %s, theirs %s", data, a, b)
		}
	})
}

// drawRecord appends a random datum of everythingWriter.
func drawRecord(t *rapid.T, b []byte, depth int) []byte {
	b = drawMap(t, b, depth)
	b = drawUnion(t, b)
	b = appendLong(b, rapid.Int64Range(0, 2).Draw(t, "e"))
	b = append(b, rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "f")...)
	b = append(b, rapid.ByteRange(0, 1).Draw(t, "b"))
	b = appendLong(b, rapid.Int64().Draw(t, "l"))
	b = drawFloat(t, b)
	return drawBlocks(t, b, depth, func(b []byte) []byte { return drawRecord(t, b, depth-1) })
}

func drawMap(t *rapid.T, b []byte, depth int) []byte {
	return drawBlocks(t, b, depth, func(b []byte) []byte {
		key := rapid.String().Draw(t, "key")
		b = append(appendLong(b, int64(len(key))), key...)
		if rapid.Bool().Draw(t, "null") {
			return append(b, 0)
		}
		return drawRecord(t, append(b, 2), depth-1)
	})
}

func drawUnion(t *rapid.T, b []byte) []byte {
	branch := rapid.Int64Range(0, 3).Draw(t, "branch")
	b = appendLong(b, branch)
	switch branch {
	case 1:
		return appendLong(b, int64(rapid.Int32().Draw(t, "int")))
	case 2:
		s := rapid.String().Draw(t, "string")
		return append(appendLong(b, int64(len(s))), s...)
	case 3:
		return drawBlocks(t, b, 1, func(b []byte) []byte { return drawFloat(t, b) })
	}
	return b
}

func drawFloat(t *rapid.T, b []byte) []byte {
	// The exponent's last bit is clear, so that it is never NaN.
	bits := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "float")
	bits[2] &^= 0x80
	return append(b, bits...)
}

// drawBlocks appends up to two blocks, some of them with their size.
func drawBlocks(t *rapid.T, b []byte, depth int, item func([]byte) []byte) []byte {
	if depth == 0 {
		return append(b, 0)
	}
	for range rapid.IntRange(0, 2).Draw(t, "blocks") {
		n := rapid.Int64Range(1, 2).Draw(t, "items")
		var items []byte
		for range n {
			items = item(items)
		}
		if rapid.Bool().Draw(t, "sized") {
			b = appendLong(appendLong(b, -n), int64(len(items)))
		} else {
			b = appendLong(b, n)
		}
		b = slices.Concat(b, items)
	}
	return append(b, 0)
}

// BenchmarkTwmb is the way not taken: decode with resolution into a Go value
// and encode that again with the reader's schema.
func BenchmarkTwmb(b *testing.B) {
	reader := twmb.MustParse(everythingReader)
	both, err := twmb.Resolve(twmb.MustParse(everythingWriter), reader)
	if err != nil {
		b.Fatal(err)
	}
	data, dst := unhex(b, everythingHex), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		var v any
		if _, err := both.Decode(data, &v); err != nil {
			b.Fatal(err)
		}
		if dst, err = reader.AppendEncode(dst[:0], v); err != nil {
			b.Fatal(err)
		}
	}
}
