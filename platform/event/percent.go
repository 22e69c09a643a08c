package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// PercentEncode encodes an attribute's canonical string as a header value of
// HTTP and NATS (HTTP binding, section 3.1.3.2). Values that need no encoding
// are returned as they are.
func PercentEncode(s string) string {
	for i := 0; i < len(s); i++ {
		if needsPercent(s[i]) {
			return string(appendPercent(make([]byte, 0, len(s)+16), s))
		}
	}
	return s
}

func appendPercent(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	plain := 0
	for plain < len(s) && !needsPercent(s[plain]) {
		plain++
	}
	dst = append(dst, s[:plain]...)
	for i := plain; i < len(s); i++ {
		if c := s[i]; needsPercent(c) {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func needsPercent(c byte) bool {
	return c <= ' ' || c == '"' || c == '%' || c >= 0x7f
}

// PercentDecode reads a header value of HTTP or NATS: it unquotes a
// double-quoted string and does one round of percent-decoding. A percent sign
// that no two hexadecimal digits follow stands for itself. An error, which
// matches ErrInvalid, means that the result is not UTF-8.
func PercentDecode(s string) (string, error) {
	s = unquote(strings.Trim(s, " \t"))
	if strings.IndexByte(s, '%') >= 0 {
		s = percentDecode(s)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: header value holds invalid UTF-8 after percent-decoding", ErrInvalid)
	}
	return s, nil
}

func percentDecode(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// unquote undoes a quoted-string of RFC 7230, section 3.2.6. What is not one
// as a whole stays as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	if rest, ok := skipQuoted(s); !ok || rest != "" {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
