package gofile

import (
	"strings"
	"unicode"
)

// initialisms are the words that Go names write in one case.
var initialisms = map[string]bool{
	"acl": true, "api": true, "ascii": true, "cpu": true, "css": true, "db": true, "dns": true, "eof": true,
	"guid": true, "html": true, "http": true, "https": true, "id": true, "io": true, "ip": true, "json": true,
	"qps": true, "ram": true, "rpc": true, "sla": true, "smtp": true, "sql": true, "ssh": true, "tcp": true,
	"tls": true, "ttl": true, "udp": true, "ui": true, "uid": true, "uri": true, "url": true, "utf8": true,
	"uuid": true, "vm": true, "xml": true,
}

// Exported returns name, in camel or snake case, as an exported Go name with
// initialisms in one case: "studentId" and "student_id" give "StudentID".
// Different names can give the same result; callers report the clash.
func Exported(name string) string {
	var out strings.Builder
	for _, word := range words(name) {
		if initialisms[strings.ToLower(word)] {
			out.WriteString(strings.ToUpper(word))
			continue
		}
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	if s := out.String(); s != "" && s[0] >= 'A' && s[0] <= 'Z' {
		return s
	}
	return "X" + out.String()
}

// words splits a name at underscores and other punctuation, and where a lower
// case letter or digit is followed by an upper case one. A word that is all
// upper case ("GOLD") comes back with only its first letter so.
func words(name string) []string {
	var list []string
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		start := 0
		for i := 1; i < len(part); i++ {
			if humpAt(part, i) {
				list = append(list, lowerTail(part[start:i]))
				start = i
			}
		}
		list = append(list, lowerTail(part[start:]))
	}
	return list
}

// humpAt reports whether a new word begins at i: "studentId" before I, and
// "HTMLPage" before P.
func humpAt(s string, i int) bool {
	if !isUpper(s[i]) {
		return false
	}
	return !isUpper(s[i-1]) || i+1 < len(s) && isLower(s[i+1])
}

func lowerTail(word string) string {
	if len(word) > 1 && strings.ToUpper(word) == word {
		return word[:1] + strings.ToLower(word[1:])
	}
	return word
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
