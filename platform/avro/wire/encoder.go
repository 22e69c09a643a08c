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

// short is the longest text that String copies word by word: its length takes
// one byte, and the words overlap by less than eight.
const short = 63

// String appends text with its length. Text that is not valid UTF-8 is a
// fault.
func (w *Encoder) String(b []byte, field, s string) []byte {
	n := len(s)
	if n > short || cap(b)-len(b) <= n {
		return w.longString(b, field, s)
	}
	at := len(b)
	b = b[:at+1+n]
	b[at] = byte(n << 1)
	if copyASCII(b[at+1:], s) || utf8.ValidString(s) {
		return b
	}
	return w.Fail(b, field, reasonUTF8)
}

func (w *Encoder) longString(b []byte, field, s string) []byte {
	b = append(AppendLong(b, int64(len(s))), s...)
	if !utf8.ValidString(s) {
		w.Fail(b, field, reasonUTF8)
	}
	return b
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
	_, offset := t.Zone()
	day := floorDiv(t.Unix()+int64(offset), secondsPerDay)
	if day < math.MinInt32 || day > math.MaxInt32 {
		return w.Fail(b, field, reasonRange)
	}
	return AppendLong(b, day)
}

// TimeOfDay appends the time since midnight in the given unit, rounded down.
func (w *Encoder) TimeOfDay(b []byte, field string, d, unit time.Duration) []byte {
	if d < 0 || d >= 24*time.Hour {
		return w.Fail(b, field, reasonDay)
	}
	return AppendLong(b, int64(d/unit))
}

// Timestamp appends the instant t in the given unit, rounded down.
func (w *Encoder) Timestamp(b []byte, field string, t time.Time, unit time.Duration) []byte {
	v, ok := sinceEpoch(t.Unix(), t.Nanosecond(), unit)
	if !ok {
		return w.Fail(b, field, reasonRange)
	}
	return AppendLong(b, v)
}

// LocalTimestamp appends the date and time that t shows in its own location.
func (w *Encoder) LocalTimestamp(b []byte, field string, t time.Time, unit time.Duration) []byte {
	_, offset := t.Zone()
	v, ok := sinceEpoch(t.Unix()+int64(offset), t.Nanosecond(), unit)
	if !ok {
		return w.Fail(b, field, reasonRange)
	}
	return AppendLong(b, v)
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
