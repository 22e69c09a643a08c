package ddl

import "strings"

// A token is a word, a quoted name, a number, a text or a sign.
type token struct {
	// text is what it means: without quotes, and a bare word in lower case.
	text string
	kind kind
	at   int // byte offset in the file
	end  int
}

type kind int

const (
	word   kind = iota // a keyword, or a name without quotes
	quoted             // a name in quotes
	text               // 'a text', or $$one$$
	sign               // a number, an operator, or punctuation
)

// tokens takes a statement apart. base is its offset in the file. What it
// takes has passed Atlas's scanner, so quotes and comments are closed.
func tokens(s string, base int) []token {
	var list []token
	for i := 0; i < len(s); {
		if skip := blank(s[i:]); skip > 0 {
			i += skip
			continue
		}
		t, n := next(s[i:])
		t.at, t.end = base+i, base+i+n
		list = append(list, t)
		i += n
	}
	return list
}

// blank returns how long the white space or the comment is with which s
// begins.
func blank(s string) int {
	switch {
	case strings.ContainsRune(" \t\r\n\f", rune(s[0])):
		return 1
	case strings.HasPrefix(s, "--"):
		return through(s, 2, "\n")
	case strings.HasPrefix(s, "/*"):
		return through(s, 2, "*/")
	}
	return 0
}

// through returns the length of s up to and with the first end after the first
// from bytes.
func through(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

func next(s string) (token, int) {
	switch c := s[0]; {
	case c == '"' || c == '`':
		n := closing(s, c)
		return token{text: inside(s[:n], c), kind: quoted}, n
	case c == '[' && strings.IndexByte(s, ']') > 1 && isWord(s[1]):
		n := through(s, 1, "]")
		return token{text: s[1 : n-1], kind: quoted}, n
	case c == '\'':
		n := closing(s, c)
		return token{text: inside(s[:n], c), kind: text}, n
	case c == '$' && dollar(s) != "":
		mark := dollar(s)
		return token{kind: text}, through(s, len(mark), mark)
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return token{text: strings.ToLower(s[:n]), kind: word}, n
	}
	return token{text: s[:1], kind: sign}, 1
}

// closing returns the length of the quoted text with which s begins; the quote
// stands for itself when it is doubled.
func closing(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		if i+1 == len(s) || s[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(s)
}

func inside(s string, quote byte) string {
	s = strings.TrimSuffix(s[1:], string(quote))
	return strings.ReplaceAll(s, string([]byte{quote, quote}), string(quote))
}

// dollar returns the mark $tag$ with which s begins, or "".
func dollar(s string) string {
	for i := 1; i < len(s); i++ {
		if s[i] == '$' {
			return s[:i+1]
		}
		if !isWord(s[i]) {
			break
		}
	}
	return ""
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
