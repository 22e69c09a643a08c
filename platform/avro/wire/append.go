package wire

import (
	"encoding/binary"
	"math"
	"slices"
)

// AppendLong appends an int or long: zig-zag, then seven bits a byte.
func AppendLong(b []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	if u < 0x80 {
		return append(b, byte(u))
	}
	return appendLong(b, u)
}

// appendLong makes room once and then writes by index.
func appendLong(b []byte, u uint64) []byte {
	b = slices.Grow(b, binary.MaxVarintLen64)
	return b[:len(b)+binary.PutUvarint(b[len(b):cap(b)], u)]
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
