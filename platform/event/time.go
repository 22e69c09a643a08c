package event

import (
	"fmt"
	"time"
)

// AppendTime appends t in the form that the platform writes: RFC 3339, UTC,
// with as many digits of the second as t has.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, time.RFC3339Nano)
	}
	hour, minute, second := t.Clock()
	dst = appendPair(appendPair(dst, year/100), year%100)
	dst = appendPair(append(dst, '-'), int(month))
	dst = appendPair(append(dst, '-'), day)
	dst = appendPair(append(dst, 'T'), hour)
	dst = appendPair(append(dst, ':'), minute)
	dst = appendPair(append(dst, ':'), second)
	return append(appendFraction(dst, t.Nanosecond()), 'Z')
}

// appendPair appends a number of two digits.
func appendPair(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendFraction appends the point and the digits of a second's fraction,
// without zeros at the end.
func appendFraction(dst []byte, nanos int) []byte {
	if nanos == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := 10_000_000; nanos > 0; unit /= 100 {
		if unit == 0 {
			return append(dst, byte('0'+nanos))
		}
		dst = appendPair(dst, nanos/unit)
		nanos %= unit
	}
	if last := len(dst) - 1; dst[last] == '0' {
		return dst[:last]
	}
	return dst
}

// ParseTime reads a timestamp of RFC 3339. It is stricter than time.Parse
// (two digits everywhere, no comma), and accepts what that refuses: lower-case
// letters and the leap second, which becomes the first instant of the next
// minute. Digits beyond nanoseconds are dropped. The offset is kept. The error
// matches ErrInvalid.
func ParseTime(s string) (time.Time, error) {
	if t, ok := parseOwnTime(s); ok {
		return t, nil
	}
	p := timeParser{s: s}
	t := p.parse()
	if p.bad || p.s != "" {
		return time.Time{}, fmt.Errorf("%w: timestamp is not in the form of RFC 3339", ErrInvalid)
	}
	return t, nil
}

// parseOwnTime reads a timestamp in the form that the platform writes, with up
// to nine digits behind the point. It leaves all others, and what is wrong, to
// the timeParser.
func parseOwnTime(s string) (t time.Time, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > timeLen || s[len(s)-1] != 'Z' ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return t, false
	}
	century, year, month, day := pair(s, 0), pair(s, 2), pair(s, 5), pair(s, 8)
	hour, minute, second := pair(s, 11), pair(s, 14), pair(s, 17)
	nanos, whole := ownFraction(s[19 : len(s)-1])
	if century|year|month|day|hour|minute|second < 0 || !whole ||
		month == 0 || month > 12 || day == 0 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	t = time.Date(century*100+year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return t, day <= 28 || t.Day() == day
}

// pair returns the number of two digits at i, or a negative one.
func pair(s string, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

// ownFraction reads the point and the digits behind it, or nothing.
func ownFraction(s string) (nanos int, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != '.' || len(s) == 1 {
		return 0, false
	}
	for i := 1; i < 10; i++ {
		nanos *= 10
		if i < len(s) {
			digit := s[i] - '0'
			if digit > 9 {
				return 0, false
			}
			nanos += int(digit)
		}
	}
	return nanos, true
}

// A timeParser eats a timestamp from the front of s. After the first fault
// bad stays true.
type timeParser struct {
	s   string
	bad bool
}

func (p *timeParser) parse() time.Time {
	year := p.number(4, 0, 9999)
	p.oneOf("-", "-")
	month := p.number(2, 1, 12)
	p.oneOf("-", "-")
	day := p.number(2, 1, 31)
	p.oneOf("T", "t")
	hour := p.number(2, 0, 23)
	p.oneOf(":", ":")
	minute := p.number(2, 0, 59)
	p.oneOf(":", ":")
	second := p.number(2, 0, 60)
	nanos := p.fraction()
	loc := p.zone()
	if p.bad {
		return time.Time{}
	}
	leap := second == 60
	if leap {
		second, nanos = 59, 0
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, loc)
	if t.Day() != day {
		p.bad = true
	}
	if leap {
		p.requireMidnight(t)
		t = t.Add(time.Second)
	}
	return t
}

// requireMidnight: leap seconds are inserted at the end of a UTC day.
func (p *timeParser) requireMidnight(t time.Time) {
	if u := t.UTC(); u.Hour() != 23 || u.Minute() != 59 {
		p.bad = true
	}
}

func (p *timeParser) number(width, lo, hi int) int {
	if len(p.s) < width {
		p.bad = true
		return lo
	}
	n := 0
	for i := range width {
		c := p.s[i]
		if c < '0' || c > '9' {
			p.bad = true
			return lo
		}
		n = n*10 + int(c-'0')
	}
	p.s = p.s[width:]
	if n < lo || n > hi {
		p.bad = true
	}
	return n
}

func (p *timeParser) oneOf(a, b string) {
	if p.s == "" || (p.s[:1] != a && p.s[:1] != b) {
		p.bad = true
		return
	}
	p.s = p.s[1:]
}

// fraction reads the optional digits after the full second, as nanoseconds.
func (p *timeParser) fraction() int {
	if p.s == "" || p.s[0] != '.' {
		return 0
	}
	p.s = p.s[1:]
	nanos, scale, digits := 0, 100_000_000, 0
	for p.s != "" && p.s[0] >= '0' && p.s[0] <= '9' {
		nanos += int(p.s[0]-'0') * scale
		scale /= 10
		digits++
		p.s = p.s[1:]
	}
	if digits == 0 {
		p.bad = true
	}
	return nanos
}

func (p *timeParser) zone() *time.Location {
	if p.s == "" {
		p.bad = true
		return time.UTC
	}
	sign := p.s[0]
	p.s = p.s[1:]
	if sign == 'Z' || sign == 'z' {
		return time.UTC
	}
	hours := p.number(2, 0, 23)
	p.oneOf(":", ":")
	offset := (hours*60 + p.number(2, 0, 59)) * 60
	switch {
	case sign != '+' && sign != '-':
		p.bad = true
	case sign == '-':
		offset = -offset
	}
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}
