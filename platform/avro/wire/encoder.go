package wire

import (
	"math"
	"math/big"
	"time"
	"unicode/utf8"
)

// An Encoder collects the first fault while one message is encoded. The
// buffer is an argument and a result of each method rather than a field, so
// that it stays in registers. The zero Encoder is ready for use, by one
// goroutine. The field argument names the field in that fault.
type Encoder struct {
	depth         int
	emptyItems    int
	field, reason string
}

// Finish returns the first fault as an [*Error], or nil.
func (w *Encoder) Finish(eventType string) error {
	if w.reason == "" {
		return nil
	}
	return &Error{Op: opEncode, Type: eventType, Field: w.field, Reason: w.reason}
}

// Fail records a fault, unless there is one already, and returns b.
func (w *Encoder) Fail(b []byte, field, reason string) []byte {
	if w.reason == "" {
		w.field, w.reason = field, reason
	}
	return b
}

// Enter counts one level of a record that can contain itself and reports
// whether it may be encoded; if so, Leave ends the level. After a fault it never
// may, so that a cycle of pointers ends.
func (w *Encoder) Enter(record string) bool {
	if w.depth == MaxDepth {
		w.Fail(nil, record, reasonDepth)
	}
	if w.reason != "" {
		return false
	}
	w.depth++
	return true
}

// Leave ends what Enter began.
func (w *Encoder) Leave() { w.depth-- }

// short is the longest text that String copies word by word; its length takes
// one byte.
const short = 63

// String appends text with its length. Text that is not valid UTF-8 is a
// fault. Looking at the bytes while copying them costs next to nothing;
// calling utf8.ValidString first doubles the time of an encoding. The common
// case calls nothing, so that the arguments stay in registers.
func (w *Encoder) String(b []byte, field, s string) []byte {
	at, n := len(b), len(s)
	if n > short || cap(b)-at <= n {
		return w.longString(b, field, s)
	}
	b = b[:at+1+n]
	b[at] = byte(n << 1)
	dst := b[at+1:]
	var seen uint64 // the bits that occur in s
	switch {
	case n > 32:
		seen = copy8(dst, s) | copy8(dst[8:], s[8:]) | copy8(dst[16:], s[16:]) | copy8(dst[24:], s[24:]) |
			copy8(dst[n-32:], s[n-32:]) | copy8(dst[n-24:], s[n-24:]) | copy8(dst[n-16:], s[n-16:]) | copy8(dst[n-8:], s[n-8:])
	case n > 16:
		seen = copy8(dst, s) | copy8(dst[8:], s[8:]) | copy8(dst[n-16:], s[n-16:]) | copy8(dst[n-8:], s[n-8:])
	case n >= 8:
		seen = copy8(dst, s) | copy8(dst[n-8:], s[n-8:])
	case n >= 4:
		seen = copy4(dst, s) | copy4(dst[n-4:], s[n-4:])
	default:
		for i := range dst {
			if i < len(s) {
				dst[i] = s[i]
				seen |= uint64(s[i])
			}
		}
	}
	if seen&highBits != 0 {
		return w.checkUTF8(b, field, s)
	}
	return b
}

func (w *Encoder) checkUTF8(b []byte, field, s string) []byte {
	if utf8.ValidString(s) {
		return b
	}
	return w.Fail(b, field, reasonUTF8)
}

func (w *Encoder) longString(b []byte, field, s string) []byte {
	return w.checkUTF8(append(AppendLong(b, int64(len(s))), s...), field, s)
}

// UUID appends a UUID in its text form.
func (w *Encoder) UUID(b []byte, field, s string) []byte {
	if !isUUID(s) {
		return w.Fail(b, field, reasonUUID)
	}
	return append(append(b, byte(len(s)<<1)), s...)
}

// EmptyCount is [AppendCount] for an array whose items may take no bytes.
func (w *Encoder) EmptyCount(b []byte, field string, n int) []byte {
	if w.emptyItems += n; w.emptyItems > MaxEmptyItems {
		return w.Fail(b, field, reasonEmpty)
	}
	return AppendCount(b, n)
}

// Date appends the calendar date that t shows in its own location.
func (w *Encoder) Date(b []byte, field string, t time.Time) []byte {
	day := floorDiv(asUTC(t).Unix(), secondsPerDay)
	if day < math.MinInt32 || day > math.MaxInt32 {
		return w.Fail(b, field, reasonRange)
	}
	return AppendLong(b, day)
}

// TimeMillis appends the time since midnight in milliseconds, rounded down.
func (w *Encoder) TimeMillis(b []byte, field string, d time.Duration) []byte {
	if d < 0 || d >= 24*time.Hour {
		return w.Fail(b, field, reasonDay)
	}
	return AppendLong(b, d.Milliseconds())
}

// TimeMicros appends the time since midnight in microseconds, rounded down.
func (w *Encoder) TimeMicros(b []byte, field string, d time.Duration) []byte {
	if d < 0 || d >= 24*time.Hour {
		return w.Fail(b, field, reasonDay)
	}
	return AppendLong(b, d.Microseconds())
}

// near reports whether a time is within 139,000 years of 1970, which both
// milliseconds and microseconds can count.
func near(seconds int64) bool { return seconds>>42 == seconds>>63 }

// TimestampMillis appends the instant t in milliseconds, rounded down.
func (w *Encoder) TimestampMillis(b []byte, field string, t time.Time) []byte {
	if s := t.Unix(); !near(s) && time.UnixMilli(t.UnixMilli()).Unix() != s {
		return w.Fail(b, field, reasonRange)
	}
	return appendLong(b, t.UnixMilli())
}

// TimestampMicros appends the instant t in microseconds, rounded down.
func (w *Encoder) TimestampMicros(b []byte, field string, t time.Time) []byte {
	if s := t.Unix(); !near(s) && time.UnixMicro(t.UnixMicro()).Unix() != s {
		return w.Fail(b, field, reasonRange)
	}
	return appendLong(b, t.UnixMicro())
}

// TimestampNanos appends the instant t in nanoseconds. Years before 1678 and
// after 2261 do not fit.
func (w *Encoder) TimestampNanos(b []byte, field string, t time.Time) []byte {
	if time.Unix(0, t.UnixNano()).Unix() != t.Unix() {
		return w.Fail(b, field, reasonRange)
	}
	return appendLong(b, t.UnixNano())
}

// LocalTimestampMillis appends the date and time that t shows in its own
// location, in milliseconds.
func (w *Encoder) LocalTimestampMillis(b []byte, field string, t time.Time) []byte {
	return w.TimestampMillis(b, field, asUTC(t))
}

// LocalTimestampMicros is LocalTimestampMillis in microseconds.
func (w *Encoder) LocalTimestampMicros(b []byte, field string, t time.Time) []byte {
	return w.TimestampMicros(b, field, asUTC(t))
}

// LocalTimestampNanos is LocalTimestampMillis in nanoseconds.
func (w *Encoder) LocalTimestampNanos(b []byte, field string, t time.Time) []byte {
	return w.TimestampNanos(b, field, asUTC(t))
}

// asUTC returns the instant at which UTC shows what t shows in its location.
func asUTC(t time.Time) time.Time {
	_, offset := t.Zone()
	return time.Unix(t.Unix()+int64(offset), int64(t.Nanosecond()))
}

// Decimal appends v as a decimal of type bytes. A v that is nil or has more
// digits than precision and scale allow is a fault: nothing is rounded.
func (w *Encoder) Decimal(b []byte, field string, v *big.Rat, precision, scale int) []byte {
	unscaled, ok := unscale(v, precision, scale)
	if !ok {
		return w.Fail(b, field, reasonScale)
	}
	size := twosSize(unscaled)
	return appendTwos(AppendLong(b, int64(size)), unscaled, size)
}

// DecimalFixed appends v as a decimal of type fixed.
func (w *Encoder) DecimalFixed(b []byte, field string, v *big.Rat, precision, scale, size int) []byte {
	unscaled, ok := unscale(v, precision, scale)
	if !ok || twosSize(unscaled) > size {
		return w.Fail(b, field, reasonScale)
	}
	return appendTwos(b, unscaled, size)
}

// AppendSymbol appends v as its index in symbols. Anything else than one of
// the symbols, such as a zero value, is a fault.
func AppendSymbol[S ~string](w *Encoder, b []byte, field string, symbols []S, v S) []byte {
	for i, symbol := range symbols {
		if symbol == v {
			return AppendLong(b, int64(i))
		}
	}
	return w.Fail(b, field, "value is none of the enum's symbols")
}
