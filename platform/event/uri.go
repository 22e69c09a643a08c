package event

import (
	"net/netip"
	"strings"
)

// isAbsoluteURI follows RFC 3986, section 4.3: a scheme, and no fragment.
func isAbsoluteURI(s string) bool {
	scheme, rest, ok := cutScheme(s)
	return ok && scheme != "" && !strings.Contains(rest, "#") && isHierarchy(rest)
}

// isURIReference follows RFC 3986, section 4.1. The empty string is one.
func isURIReference(s string) bool {
	if isPlainPath(s) {
		return true
	}
	_, rest, ok := cutScheme(s)
	if !ok {
		return false
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	return only(fragment, isPathChar, "/?") && isHierarchy(rest)
}

// isPlainPath accepts what most sources are: an absolute path without escapes.
func isPlainPath(s string) bool {
	if len(s) < 2 || s[0] != '/' || s[1] == '/' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; c != '/' && !isPathChar(c) {
			return false
		}
	}
	return true
}

// cutScheme splits off the scheme. Without one, the first segment must not
// contain a colon.
func cutScheme(s string) (scheme, rest string, ok bool) {
	end := strings.IndexAny(s, ":/?#")
	if end < 0 || s[end] != ':' {
		return "", s, true
	}
	return s[:end], s[end+1:], isScheme(s[:end])
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlpha(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// isHierarchy checks authority, path and query.
func isHierarchy(s string) bool {
	path, query, _ := strings.Cut(s, "?")
	if !only(query, isPathChar, "/?") {
		return false
	}
	if after, ok := strings.CutPrefix(path, "//"); ok {
		authority, tail, found := strings.Cut(after, "/")
		if !isAuthority(authority) {
			return false
		}
		path = ""
		if found {
			path = "/" + tail
		}
	}
	return only(path, isPathChar, "/")
}

func isAuthority(s string) bool {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if !only(s[:at], isRegNameChar, ":") {
			return false
		}
		s = s[at+1:]
	}
	if strings.HasPrefix(s, "[") {
		return isIPLiteral(s)
	}
	host, port, _ := strings.Cut(s, ":")
	return only(host, isRegNameChar, "") && isPort(port)
}

func isIPLiteral(s string) bool {
	inner, port, ok := strings.Cut(s[1:], "]")
	if !ok || (port != "" && port[0] != ':') || !isPort(strings.TrimPrefix(port, ":")) {
		return false
	}
	if strings.HasPrefix(inner, "v") || strings.HasPrefix(inner, "V") {
		return only(inner, isRegNameChar, ":") && !strings.Contains(inner, "%")
	}
	addr, err := netip.ParseAddr(inner)
	return err == nil && addr.Is6() && addr.Zone() == ""
}

func isPort(s string) bool {
	return only(s, isDigit, "")
}

// only reports whether every character of s is allowed, among more, or part
// of a percent-encoded byte. Digits pass class alone, so that a port cannot
// hold an escape.
func only(s string, class func(byte) bool, more string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case class(c), strings.IndexByte(more, c) >= 0:
		case c == '%' && class('a') && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isPathChar(c byte) bool { return uriChars[c] != 0 }

// isRegNameChar accepts the unreserved characters and sub-delims.
func isRegNameChar(c byte) bool { return uriChars[c] == regName }

// The values of uriChars.
const (
	regName = 1 + iota
	pathOnly
)

// uriChars holds the characters that a path may have, as they are.
var uriChars = func() (chars [256]byte) {
	for c := range chars {
		if isAlpha(byte(c)) || isDigit(byte(c)) {
			chars[c] = regName
		}
	}
	for _, c := range []byte("-._~!$&'()*+,;=") {
		chars[c] = regName
	}
	chars[':'], chars['@'] = pathOnly, pathOnly
	return chars
}()

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
