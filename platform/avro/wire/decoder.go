package wire

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"time"
	"unicode/utf8"
)

// A Decoder reads the values of one message in order. After the first fault
// every method returns a zero value. It keeps no reference to the data in
// what it returns. A Decoder is used by one goroutine. The field argument
// names the field in the fault.
type Decoder struct {
	data []byte
	off  int
	// window is a copy of data from base on, of which the strings of a message
	// are parts. Windows share memory too: see [Text].
	window string
	base   int

	depth      int
	emptyItems int
	fault      *Error
}

// windowSize is how much of a message is copied at a time.
const windowSize = 4096

// NewDecoder returns a decoder of a whole message.
func NewDecoder(data []byte) Decoder { return Decoder{data: data} }

// Finish returns the first fault as an [*Error]; bytes after the end of the
// message are one.
func (r *Decoder) Finish(eventType string) error {
	if r.off < len(r.data) {
		r.Fail("", "bytes follow the end of the message")
	}
	if r.fault == nil {
		return nil
	}
	r.fault.Type = eventType
	return r.fault
}

// Fail records a fault, unless there is one already.
func (r *Decoder) Fail(field, reason string) {
	if r.fault != nil {
		return
	}
	r.fault = &Error{Op: opDecode, Field: field, Offset: r.off, Reason: reason}
	r.data, r.off = nil, 0
}

// Failed reports whether there was a fault. Loops end on it.
func (r *Decoder) Failed() bool { return r.fault != nil }

// Enter counts one level of a record that can contain itself and reports
// whether it may be decoded; if so, Leave ends the level.
func (r *Decoder) Enter(record string) bool {
	if r.depth == MaxDepth {
		r.Fail(record, reasonDepth)
	}
	if r.fault != nil {
		return false
	}
	r.depth++
	return true
}

// Leave ends what Enter began.
func (r *Decoder) Leave() { r.depth-- }

// Long reads a long.
func (r *Decoder) Long(field string) int64 {
	if r.off < len(r.data) {
		if c := r.data[r.off]; c < 0x80 {
			r.off++
			return int64(c>>1) ^ -int64(c&1)
		}
	}
	return r.longLong(field)
}

// longLong is Long for numbers of any size. Up to eight bytes it loads them at
// once and gathers the groups of seven with shifts.
func (r *Decoder) longLong(field string) int64 {
	if len(r.data)-r.off < 8 {
		return r.longest(field)
	}
	u := binary.LittleEndian.Uint64(r.data[r.off:])
	last := bits.TrailingZeros64(^u & highBits) // the bit that ends it
	if last == 64 {
		return r.longest(field)
	}
	r.off += last/8 + 1
	u &= 1<<last - 1
	u = u&0x007f007f007f007f | u&0x7f007f007f007f00>>1
	u = u&0x00003fff00003fff | u&0x3fff00003fff0000>>2
	u = u&0x000000000fffffff | u&0x0fffffff00000000>>4
	return int64(u>>1) ^ -int64(u&1)
}

func (r *Decoder) longest(field string) int64 {
	u, n := binary.Uvarint(r.data[r.off:])
	switch {
	case n > 0:
		r.off += n
		return int64(u>>1) ^ -int64(u&1)
	case n == 0:
		r.truncated(field)
	default:
		r.Fail(field, "number takes more than 64 bits")
	}
	return 0
}

func (r *Decoder) truncated(field string) { r.Fail(field, "message is truncated") }

// Int reads an int.
func (r *Decoder) Int(field string) int32 {
	v := r.Long(field)
	if v != int64(int32(v)) {
		r.Fail(field, "number takes more than 32 bits")
		return 0
	}
	return int32(v)
}

// Bool reads a boolean.
func (r *Decoder) Bool(field string) bool {
	b := r.take(field, 1)
	if len(b) == 1 && b[0] > 1 {
		r.Fail(field, "boolean is neither 0 nor 1")
		return false
	}
	return len(b) == 1 && b[0] == 1
}

// Float reads a float.
func (r *Decoder) Float(field string) float32 {
	if b := r.take(field, 4); len(b) == 4 {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// Double reads a double.
func (r *Decoder) Double(field string) float64 {
	if b := r.take(field, 8); len(b) == 8 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// take returns the next n bytes of the message, or nil and a fault.
func (r *Decoder) take(field string, n int) []byte {
	if n > len(r.data)-r.off {
		r.truncated(field)
		return nil
	}
	b := r.data[r.off : r.off+n]
	r.off += n
	return b
}

// length reads the length of bytes or text and checks it against what is
// left.
func (r *Decoder) length(field string) int {
	n := r.Long(field)
	switch {
	case n < 0:
		r.Fail(field, "length is negative")
		return 0
	case n > int64(len(r.data)-r.off):
		r.truncated(field)
		return 0
	}
	return int(n)
}

// Bytes reads bytes into memory of their own; nil when there are none.
func (r *Decoder) Bytes(field string) []byte {
	n := r.length(field)
	if n == 0 {
		return nil
	}
	return append(make([]byte, 0, n), r.take(field, n)...)
}

// Fixed reads len(dst) bytes into dst.
func (r *Decoder) Fixed(field string, dst []byte) { copy(dst, r.take(field, len(dst))) }

// Duration reads a duration.
func (r *Decoder) Duration(field string) (months, days, millis uint32) {
	var b [12]byte
	r.Fixed(field, b[:])
	return binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
}

// String reads text, which must be valid UTF-8.
func (r *Decoder) String(field string) string {
	n := r.shortLength(field)
	if n == 0 {
		return ""
	}
	from := r.off - r.base
	if from+n > len(r.window) {
		r.slide(n)
		from = 0
	}
	s := r.window[from : from+n]
	if !isASCII(s) && !utf8.ValidString(s) {
		r.Fail(field, reasonUTF8)
		return ""
	}
	r.off += n
	return s
}

// shortLength is length, faster for one byte.
func (r *Decoder) shortLength(field string) int {
	if r.off < len(r.data) {
		if c := r.data[r.off]; c&0x81 == 0 && int(c>>1) < len(r.data)-r.off {
			r.off++
			return int(c >> 1)
		}
	}
	return r.length(field)
}

// slide moves the window to the next byte to read; it holds n bytes or more.
func (r *Decoder) slide(n int) {
	size := max(n, min(windowSize, len(r.data)-r.off))
	r.window, r.base = share(r.data[r.off:r.off+size]), r.off
}

// UUID reads a UUID in its text form.
func (r *Decoder) UUID(field string) string {
	s := r.String(field)
	if !isUUID(s) {
		r.Fail(field, reasonUUID)
		return ""
	}
	return s
}

// Date reads a date as midnight UTC.
func (r *Decoder) Date(field string) time.Time {
	return time.Unix(int64(r.Int(field))*secondsPerDay, 0).UTC()
}

// TimeMillis reads a time since midnight in milliseconds.
func (r *Decoder) TimeMillis(field string) time.Duration {
	return r.timeOfDay(field, time.Millisecond)
}

// TimeMicros reads a time since midnight in microseconds.
func (r *Decoder) TimeMicros(field string) time.Duration {
	return r.timeOfDay(field, time.Microsecond)
}

func (r *Decoder) timeOfDay(field string, unit time.Duration) time.Duration {
	v := r.Long(field)
	if v < 0 || v >= int64(24*time.Hour/unit) {
		r.Fail(field, reasonDay)
		return 0
	}
	return time.Duration(v) * unit
}

// TimestampMillis reads an instant in milliseconds, or a local date and time
// as if it were in UTC.
func (r *Decoder) TimestampMillis(field string) time.Time {
	return time.UnixMilli(r.Long(field)).UTC()
}

// TimestampMicros is TimestampMillis in microseconds.
func (r *Decoder) TimestampMicros(field string) time.Time {
	return time.UnixMicro(r.Long(field)).UTC()
}

// TimestampNanos is TimestampMillis in nanoseconds.
func (r *Decoder) TimestampNanos(field string) time.Time {
	return time.Unix(0, r.Long(field)).UTC()
}

// Decimal reads a decimal of type bytes.
func (r *Decoder) Decimal(field string, precision, scale int) *big.Rat {
	return r.decimal(field, r.length(field), precision, scale)
}

// DecimalFixed reads a decimal of type fixed.
func (r *Decoder) DecimalFixed(field string, precision, scale, size int) *big.Rat {
	return r.decimal(field, size, precision, scale)
}

func (r *Decoder) decimal(field string, size, precision, scale int) *big.Rat {
	unscaled, ok := parseTwos(r.take(field, size), precision)
	if !ok {
		r.Fail(field, reasonScale)
		return nil
	}
	return new(big.Rat).SetFrac(unscaled, pow10(scale))
}

// Index reads the index of an enum symbol or a union branch, of which there
// are n; it is below n also after a fault.
func (r *Decoder) Index(field string, n int) int {
	v := r.Long(field)
	if v < 0 || v >= int64(n) {
		r.Fail(field, "index is out of range")
		return 0
	}
	return int(v)
}

// Block reads the head of the next block of an array or map and returns how
// many items it has, 0 at the end. Each item takes at least minSize bytes, so
// that a count that the message cannot hold is refused before anything is
// allocated.
func (r *Decoder) Block(field string, minSize int) int {
	n := r.Long(field)
	if n < 0 {
		size := r.Long(field)
		if n == math.MinInt64 || size < 0 || size > int64(len(r.data)-r.off) {
			r.Fail(field, "block is larger than the message")
			return 0
		}
		n = -n
	}
	if minSize == 0 {
		return r.emptyBlock(field, n)
	}
	if n > int64((len(r.data)-r.off)/minSize) {
		r.Fail(field, "block has more items than the message can hold")
		return 0
	}
	return int(n)
}

func (r *Decoder) emptyBlock(field string, n int64) int {
	if n > int64(MaxEmptyItems-r.emptyItems) {
		r.Fail(field, reasonEmpty)
		return 0
	}
	r.emptyItems += int(n)
	return int(n)
}

// Present returns s, and an empty slice for nil: a value that is there but
// empty, beside one that is null.
func Present[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// firstItems is how many items are allocated on a block's word alone; beyond
// that, memory follows what has been read.
const firstItems = 256

// Room returns how much room to make for a block of n items.
func Room(n int) int { return min(n, firstItems) }
