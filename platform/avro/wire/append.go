package wire

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// AppendLong appends an int or long: zig-zag, then seven bits a byte.
func AppendLong(b []byte, v int64) []byte {
	if uint64(v+64) < 128 {
		return append(b, byte(v<<1^v>>63))
	}
	return appendLong(b, v)
}

// appendLong is AppendLong for numbers of any size. Up to 56 bits it spreads
// the groups of seven with shifts and stores them at once.
func appendLong(b []byte, v int64) []byte {
	u, at := uint64(v)<<1^uint64(v>>63), len(b)
	if u >= 1<<56 || cap(b)-at < 8 {
		return binary.AppendUvarint(b, u)
	}
	n := (bits.Len64(u|1)*9 + 64) >> 6 // the bytes it takes: a seventh of its bits, rounded up
	u = u&0x000000000fffffff | u&0x00fffffff0000000<<4
	u = u&0x00003fff00003fff | u&0x0fffc0000fffc000<<2
	u = u&0x007f007f007f007f | u&0x3f803f803f803f80<<1
	u |= highBits & (1<<(8*(n-1)) - 1)
	binary.LittleEndian.PutUint64(b[at:at+8], u)
	return b[:at+n]
}

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendFloat appends a float.
func AppendFloat(b []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
}

// AppendDouble appends a double.
func AppendDouble(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendBytes appends bytes with their length.
func AppendBytes(b, v []byte) []byte {
	return append(AppendLong(b, int64(len(v))), v...)
}

// AppendCount appends the head of an array's or map's only block, and nothing
// for an empty one. The end of the blocks is a zero byte.
func AppendCount(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return AppendLong(b, int64(n))
}

// SortedKeys returns the keys of m in order, so that equal maps have equal
// encodings. It appends to scratch, which keeps small maps off the heap.
func SortedKeys[V any](scratch []string, m map[string]V) []string {
	for k := range m {
		scratch = append(scratch, k)
	}
	slices.Sort(scratch)
	return scratch
}

// AppendDuration appends a duration: three unsigned numbers of four bytes.
func AppendDuration(b []byte, months, days, millis uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, months)
	b = binary.LittleEndian.AppendUint32(b, days)
	return binary.LittleEndian.AppendUint32(b, millis)
}
