package avro

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner reads JSON (RFC 8259) into nodes. Like Java's Avro it allows
// comments before the schema and within it, and nothing else beyond the RFC.
type scanner struct {
	text  []byte
	off   int
	depth int
}

func scanJSON(text []byte) (*node, *syntaxError) {
	if len(text) > maxText {
		return nil, &syntaxError{code: CodeLimit, msg: "the schema text is larger than 4 MiB", fix: "split it into several types"}
	}
	s := &scanner{text: text}
	root, err := s.value()
	if err != nil {
		return nil, err
	}
	for s.off < len(text) && isSpace(text[s.off]) {
		s.off++
	}
	if s.off < len(text) {
		return nil, syntaxErrorf(s.off, "nothing may follow the schema", "unexpected %s after the end of the schema", s.found())
	}
	return root, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// found describes the character at the current place.
func (s *scanner) found() string {
	if s.off >= len(s.text) {
		return "end of text"
	}
	r, _ := utf8.DecodeRune(s.text[s.off:])
	return strconv.QuoteRune(r)
}

func (s *scanner) peek() byte {
	if s.off >= len(s.text) {
		return 0
	}
	return s.text[s.off]
}

// space skips white space and comments.
func (s *scanner) space() *syntaxError {
	for s.off < len(s.text) {
		switch c := s.text[s.off]; {
		case isSpace(c):
			s.off++
		case c == '/':
			if err := s.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) comment() *syntaxError {
	start := s.off
	rest := s.text[s.off:]
	switch {
	case len(rest) > 1 && rest[1] == '/':
		for s.off < len(s.text) && s.text[s.off] != '\n' {
			s.off++
		}
		return nil
	case len(rest) > 1 && rest[1] == '*':
		for s.off += 2; s.off+1 < len(s.text); s.off++ {
			if s.text[s.off] == '*' && s.text[s.off+1] == '/' {
				s.off += 2
				return nil
			}
		}
		return syntaxErrorf(start, "close it with */", "the comment is never closed")
	}
	return syntaxErrorf(start, "", "unexpected '/'")
}

func (s *scanner) value() (*node, *syntaxError) {
	if err := s.space(); err != nil {
		return nil, err
	}
	n := &node{off: s.off}
	switch c := s.peek(); {
	case c == '{':
		return n, s.nested(n, s.object)
	case c == '[':
		return n, s.nested(n, s.array)
	case c == '"':
		var err *syntaxError
		n.kind = stringNode
		n.text, err = s.str()
		return n, err
	case c == '-' || '0' <= c && c <= '9':
		n.kind = numberNode
		return n, s.number(n)
	}
	return n, s.literal(n)
}

// nested reads an object or array one level deeper.
func (s *scanner) nested(n *node, read func(*node) *syntaxError) *syntaxError {
	if s.depth++; s.depth > maxDepth {
		return &syntaxError{off: s.off, code: CodeLimit, msg: "the text is nested more than 1000 levels deep",
			fix: "name the inner types and refer to them"}
	}
	s.off++
	err := read(n)
	s.depth--
	return err
}

func (s *scanner) object(n *node) *syntaxError {
	n.kind = objectNode
	for {
		if err := s.space(); err != nil {
			return err
		}
		if s.peek() == '}' && len(n.keys) == 0 {
			s.off++
			return nil
		}
		if err := s.member(n); err != nil {
			return err
		}
		more, err := s.more('}')
		if err != nil || !more {
			return err
		}
	}
}

func (s *scanner) member(n *node) *syntaxError {
	if s.peek() != '"' {
		return syntaxErrorf(s.off, "write a property name in double quotes", "unexpected %s where a property name should be", s.found())
	}
	k := key{off: s.off}
	var err *syntaxError
	if k.name, err = s.str(); err != nil {
		return err
	}
	if err := s.space(); err != nil {
		return err
	}
	if s.peek() != ':' {
		return syntaxErrorf(s.off, "put a colon between a property and its value", "unexpected %s after a property name", s.found())
	}
	s.off++
	v, err := s.value()
	if err != nil {
		return err
	}
	v.parent, v.atKey = n, k.name
	n.keys, n.elems = append(n.keys, k), append(n.elems, v)
	return nil
}

func (s *scanner) array(n *node) *syntaxError {
	n.kind = arrayNode
	if err := s.space(); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.off++
		return nil
	}
	for {
		v, err := s.value()
		if err != nil {
			return err
		}
		v.parent, v.atIndex = n, len(n.elems)
		n.elems = append(n.elems, v)
		more, err := s.more(']')
		if err != nil || !more {
			return err
		}
	}
}

// more reads a comma (true) or the closing character (false).
func (s *scanner) more(closing byte) (bool, *syntaxError) {
	if err := s.space(); err != nil {
		return false, err
	}
	switch s.peek() {
	case ',':
		s.off++
		return true, nil
	case closing:
		s.off++
		return false, nil
	}
	return false, syntaxErrorf(s.off, "put a comma between two values, or close the bracket",
		"unexpected %s where ',' or '%c' should be", s.found(), closing)
}

func (s *scanner) literal(n *node) *syntaxError {
	start := s.off
	for c := s.peek(); 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'; c = s.peek() {
		s.off++
	}
	switch string(s.text[start:s.off]) {
	case "null":
		n.kind = nullNode
	case "true", "false":
		n.kind, n.truth = boolNode, s.text[start] == 't'
	default:
		s.off = start
		return syntaxErrorf(start, "", "unexpected %s where a value should be", s.found())
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.off
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.off++
	}
	return s.off > start
}

func (s *scanner) number(n *node) *syntaxError {
	start := s.off
	bad := syntaxErrorf(start, "write it as JSON does: -1, 0.5, 1e9", "the number is malformed")
	if s.peek() == '-' {
		s.off++
	}
	if s.peek() == '0' {
		s.off++
	} else if !s.digits() {
		return bad
	}
	if s.peek() == '.' {
		if s.off++; !s.digits() {
			return bad
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.off++
		if c := s.peek(); c == '+' || c == '-' {
			s.off++
		}
		if !s.digits() {
			return bad
		}
	}
	if s.off-start > maxNumber {
		return &syntaxError{off: start, code: CodeLimit, msg: "the number has more than 1000 digits", fix: "write it as a string"}
	}
	n.raw = string(s.text[start:s.off])
	return nil
}

// str reads a string token.
func (s *scanner) str() (string, *syntaxError) {
	start := s.off
	s.off++
	var b []byte
	for from := s.off; s.off < len(s.text); {
		switch c := s.text[s.off]; {
		case c == '"':
			b = append(b, s.text[from:s.off]...)
			s.off++
			return string(b), nil
		case c == '\\':
			b = append(b, s.text[from:s.off]...)
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			from = s.off
		case c == '\n' || c == '\r':
			return "", syntaxErrorf(start, `close it with a double quote; a line break inside is written \n`, "the string is not closed on its line")
		case c < 0x20:
			return "", syntaxErrorf(s.off, `write \u and four hexadecimal digits`, "a control character stands inside a string")
		case c < utf8.RuneSelf:
			s.off++
		default:
			r, size := utf8.DecodeRune(s.text[s.off:])
			if r == utf8.RuneError && size == 1 {
				return "", syntaxErrorf(s.off, "save the file as UTF-8", "the text is not UTF-8")
			}
			s.off += size
		}
	}
	return "", syntaxErrorf(start, "close it with a double quote", "the string is never closed")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *scanner) escape() (rune, *syntaxError) {
	start := s.off
	s.off++
	c := s.peek()
	s.off++
	if c == 'u' {
		return s.unicodeEscape(start)
	}
	r, ok := escapes[c]
	if !ok {
		return 0, syntaxErrorf(start, "", "the escape in this string is unknown")
	}
	return r, nil
}

func (s *scanner) unicodeEscape(start int) (rune, *syntaxError) {
	high, ok := s.hex4()
	if !ok {
		return 0, syntaxErrorf(start, `write \u and four hexadecimal digits`, "the escape in this string is malformed")
	}
	if !utf16.IsSurrogate(high) || s.off+1 >= len(s.text) || s.text[s.off] != '\\' || s.text[s.off+1] != 'u' {
		return high, nil
	}
	mark := s.off
	s.off += 2
	if low, ok := s.hex4(); ok && utf16.DecodeRune(high, low) != utf8.RuneError {
		return utf16.DecodeRune(high, low), nil
	}
	s.off = mark
	return utf8.RuneError, nil
}

func (s *scanner) hex4() (rune, bool) {
	if s.off+4 > len(s.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.text[s.off:s.off+4]), 16, 16)
	s.off += 4
	return rune(v), err == nil
}
