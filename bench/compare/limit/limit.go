// Package limit is the codec that one would write by hand for one event, with
// the promise that text is UTF-8 in both directions, and with nothing else: no
// field names in errors, no limits but the message's size. It is what the
// others are measured against. What ends with Bare drops that promise, too.
package limit

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unicode/utf8"
	"unsafe"

	learning "github.com/pulselearn/campus-hub/bench/compare/gen/event/learning/v1"
)

// Append appends the event in Avro's binary encoding.
func Append(b []byte, v *learning.LessonCompleted) ([]byte, error) {
	var bad bool
	b = text(b, v.StudentID, &bad)
	b = text(b, v.LessonID, &bad)
	b = text(b, v.CourseID, &bad)
	b = text(b, v.AttemptID, &bad)
	b = text(b, v.Title, &bad)
	b = text(b, v.Locale, &bad)
	switch v.Device {
	case learning.DeviceWeb:
		b = append(b, 0)
	case learning.DeviceAndroid:
		b = append(b, 2)
	default:
		b = append(b, 4)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.Score))
	if v.Passed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = long(b, int64(v.Points))
	b = long(b, v.DurationMillis)
	b = text(b, v.Teacher.UserID, &bad)
	b = text(b, v.Teacher.DisplayName, &bad)
	if v.Note == nil {
		b = append(b, 0)
	} else {
		b = text(append(b, 2), *v.Note, &bad)
	}
	if n := len(v.Tags); n > 0 {
		b = long(b, int64(n))
		for _, tag := range v.Tags {
			b = text(b, tag, &bad)
		}
	}
	b = append(b, 0)
	if n := len(v.Steps); n > 0 {
		b = long(b, int64(n))
		for i := range v.Steps {
			b = text(b, v.Steps[i].Name, &bad)
			b = long(b, int64(v.Steps[i].Seconds))
		}
	}
	b = append(b, 0)
	b = long(b, v.StartedAt.UnixMicro())
	b = long(b, v.OccurredAt.UnixMicro())
	if bad {
		return nil, errLesson
	}
	return b, nil
}

func long(b []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for u >= 0x80 {
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

// text copies text in words and looks at them on the way; only text that
// is not ASCII is looked at again.
func text(b []byte, s string, bad *bool) []byte {
	at, n := len(b), len(s)
	if n > 63 || cap(b)-at <= n {
		return longText(b, s, bad)
	}
	b = b[:at+1+n]
	b[at] = byte(n << 1)
	dst := b[at+1:]
	var seen uint64
	switch {
	case n > 32:
		seen = word(dst, s) | word(dst[8:], s[8:]) | word(dst[16:], s[16:]) | word(dst[24:], s[24:]) |
			word(dst[n-32:], s[n-32:]) | word(dst[n-24:], s[n-24:]) | word(dst[n-16:], s[n-16:]) | word(dst[n-8:], s[n-8:])
	case n > 16:
		seen = word(dst, s) | word(dst[8:], s[8:]) | word(dst[n-16:], s[n-16:]) | word(dst[n-8:], s[n-8:])
	case n >= 8:
		seen = word(dst, s) | word(dst[n-8:], s[n-8:])
	default:
		for i := range dst {
			if i < len(s) {
				dst[i] = s[i]
				seen |= uint64(s[i])
			}
		}
	}
	if seen&0x8080808080808080 != 0 && !utf8.ValidString(s) {
		*bad = true
	}
	return b
}

func word(dst []byte, s string) uint64 {
	w := load(s)
	binary.LittleEndian.PutUint64(dst, w)
	return w
}

func longText(b []byte, s string, bad *bool) []byte {
	if !utf8.ValidString(s) {
		*bad = true
	}
	return append(long(b, int64(len(s))), s...)
}

var errLesson = errors.New("not a lesson")

// A reader reads from a copy of the message, which all text points into.
type reader struct {
	s    string
	bad  bool
	bare bool // text is not checked
}

// Read reads an event that fills data.
func Read(v *learning.LessonCompleted, data []byte) error { return read(v, data, false) }

// ReadBare is [Read] for text that is trusted.
func ReadBare(v *learning.LessonCompleted, data []byte) error { return read(v, data, true) }

func read(v *learning.LessonCompleted, data []byte, bare bool) error {
	r := reader{s: string(data), bare: bare}
	v.StudentID = r.text()
	v.LessonID = r.text()
	v.CourseID = r.text()
	v.AttemptID = r.text()
	v.Title = r.text()
	v.Locale = r.text()
	switch r.long() {
	case 0:
		v.Device = learning.DeviceWeb
	case 1:
		v.Device = learning.DeviceAndroid
	case 2:
		v.Device = learning.DeviceIos
	default:
		return errLesson
	}
	if len(r.s) < 9 {
		return errLesson
	}
	v.Score = math.Float64frombits(binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(r.s), 8)))
	v.Passed = r.s[8] == 1
	r.s = r.s[9:]
	v.Points = int32(r.long())
	v.DurationMillis = r.long()
	v.Teacher.UserID = r.text()
	v.Teacher.DisplayName = r.text()
	v.Note = nil
	if r.long() == 1 {
		note := r.text()
		v.Note = &note
	}
	v.Tags = nil
	for n := r.count(); n > 0; n = r.count() {
		if v.Tags == nil {
			v.Tags = make([]string, 0, n)
		}
		for range n {
			v.Tags = append(v.Tags, r.text())
		}
	}
	v.Steps = nil
	for n := r.count(); n > 0; n = r.count() {
		if v.Steps == nil {
			v.Steps = make([]learning.Step, 0, n)
		}
		for range n {
			v.Steps = append(v.Steps, learning.Step{Name: r.text(), Seconds: int32(r.long())})
		}
	}
	v.StartedAt = time.UnixMicro(r.long()).UTC()
	v.OccurredAt = time.UnixMicro(r.long()).UTC()
	if r.bad || len(r.s) > 0 {
		return errLesson
	}
	return nil
}

func (r *reader) long() int64 {
	var u uint64
	for i := 0; i < len(r.s) && i < 10; i++ {
		c := r.s[i]
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.s = r.s[i+1:]
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	r.bad, r.s = true, ""
	return 0
}

func (r *reader) count() int {
	n := r.long()
	if n < 0 || n > int64(len(r.s)) {
		r.bad, r.s = true, ""
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.long()
	if uint64(n) > uint64(len(r.s)) {
		r.bad, r.s = true, ""
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	if !r.bare && !ascii(s) && !utf8.ValidString(s) {
		r.bad, r.s = true, ""
	}
	return s
}

func ascii(s string) bool {
	var seen uint64
	if len(s) < 8 {
		for i := range len(s) {
			seen |= uint64(s[i])
		}
		return seen < 0x80
	}
	seen = load(s[len(s)-8:])
	for ; len(s) > 8; s = s[8:] {
		seen |= load(s)
	}
	return seen&0x8080808080808080 == 0
}

func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
