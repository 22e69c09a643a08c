package model

import (
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

var (
	snakePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	contextPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,39}$`)
	versionPattern = regexp.MustCompile(`^v([1-9][0-9]{0,3})$`)
	handlerPattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	segmentPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]+(:[A-Za-z]+)?$`)
)

// reservedContexts are directories and Go packages that a context would hide.
var reservedContexts = map[string]bool{
	"common": true, "options": true, "hub": true, "cmd": true, "gen": true, "internal": true, "vendor": true,
	"main": true, "service": true, "platform": true, "event": true, "ent": true, "proto": true, "testdata": true,
}

// reserved reports whether a context cannot have the name: Go packages of that
// name would be impossible, or hide one of the platform's.
func reserved(context string) bool { return reservedContexts[context] || token.IsKeyword(context) }

// maxTopic is the longest name that Kafka accepts for a topic, less what a
// dead-letter topic appends.
const maxTopic = 249 - len(".dlq") - 41

// pascal turns snake case into upper camel case: "badge_awarded" to
// "BadgeAwarded".
func pascal(snake string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(snake, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// snake turns camel case into snake case: "BadgeAwarded" to "badge_awarded".
func snake(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Plural returns the plural of an English noun by the regular rules. Names of
// tables and calls follow from it, so it stays as it is.
func Plural(word string) string {
	switch {
	case strings.HasSuffix(word, "y") && len(word) > 1 && !strings.ContainsRune("aeiou", rune(word[len(word)-2])):
		return word[:len(word)-1] + "ies"
	case strings.HasSuffix(word, "s"), strings.HasSuffix(word, "x"), strings.HasSuffix(word, "z"),
		strings.HasSuffix(word, "ch"), strings.HasSuffix(word, "sh"):
		return word + "es"
	}
	return word + "s"
}

// version returns N of "vN".
func version(dir string) (int, bool) {
	m := versionPattern.FindStringSubmatch(dir)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// goCamel is the name that protoc-gen-go gives to a proto name: underscores
// before lower-case letters vanish, and words begin in upper case.
func goCamel(s string) string {
	var b strings.Builder
	upper := true
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			upper = true
			if i+1 < len(s) && isLower(s[i+1]) {
				continue
			}
			b.WriteByte('_')
		case c == '_' && (i == 0 || s[i-1] == '.'):
			b.WriteByte('X')
		case c == '_' && i+1 < len(s) && isLower(s[i+1]):
			upper = true
		case c >= '0' && c <= '9':
			b.WriteByte(c)
			upper = true
		case isLower(c) && upper:
			b.WriteByte(c - 'a' + 'A')
			upper = false
		default:
			b.WriteByte(c)
			upper = false
		}
	}
	return b.String()
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
